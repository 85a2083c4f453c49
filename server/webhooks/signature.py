"""Whether a message is from SNS: its topic, its time, its certificate and its signature."""

import asyncio
import binascii
from base64 import b64decode
from collections.abc import Collection
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256

from server.webhooks.envelope import Envelope, check_certificate_address, host_of, region_of
from server.webhooks.fetch import Fetch, Unfetched
from server.webhooks.refusal import Malformed, NotAuthentic, SnsUnreachable

OLDEST = timedelta(hours=1)
"""SNS tries again for an hour at most, with the time of the first attempt."""
CLOCK_DIFFERENCE = timedelta(minutes=5)
CERTIFICATES = 8
"""How many are kept. SNS uses one per region, and changes it now and then."""
SMALLEST_KEY = 2048


class Signatures:
    """Checks messages, with the certificates that were fetched so far."""

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch
        self._certificates: dict[str, x509.Certificate] = {}
        self._one_at_a_time = asyncio.Lock()

    async def check(self, envelope: Envelope, topics: Collection[str]) -> None:
        """Raise NotAuthentic unless SNS sent it, lately, for one of these topics.

        What needs no certificate is checked first, so that a stranger makes us fetch nothing.
        """
        if envelope.topic not in topics:
            raise NotAuthentic("the topic is not in WEBHOOK_SNS_TOPICS")
        _check_time(envelope.timestamp)
        if envelope.signature_version != "2":
            raise NotAuthentic(
                "the signature is not the one with SHA-256; set the attribute SignatureVersion of "
                "the topic to 2"
            )
        address = check_certificate_address(envelope)
        signature = _decoded(envelope.signature)
        certificate = await self._certificate(address, envelope.topic)
        _check_signature(certificate, signature, envelope.signed())

    async def _certificate(self, address: str, topic: str) -> x509.Certificate:
        async with self._one_at_a_time:
            kept = self._certificates.pop(address, None)
            certificate = kept or _parsed(await self._fetched(address))
            _check_certificate(certificate, topic)
            self._certificates[address] = certificate
            while len(self._certificates) > CERTIFICATES:
                del self._certificates[next(iter(self._certificates))]
            return certificate

    async def _fetched(self, address: str) -> bytes:
        try:
            return await self._fetch(address)
        except Unfetched as error:
            raise SnsUnreachable(f"the certificate of SNS could not be fetched: {error}") from error


def _check_time(timestamp: str) -> None:
    try:
        sent = datetime.fromisoformat(timestamp)
        age = datetime.now(UTC) - sent
    except (ValueError, TypeError) as error:
        raise Malformed("Timestamp is no time with its zone") from error
    if age > OLDEST:
        raise NotAuthentic("the message is older than an hour; SNS has given it up by then")
    if age < -CLOCK_DIFFERENCE:
        raise NotAuthentic("the message is from the future; is this machine's clock right?")


def _decoded(signature: str) -> bytes:
    try:
        return b64decode(signature, validate=True)
    except (binascii.Error, ValueError) as error:
        raise NotAuthentic("the signature is not base64") from error


def _parsed(content: bytes) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(content)
    except ValueError as error:
        raise SnsUnreachable("what SNS's host gave is no certificate") from error


def _check_certificate(certificate: x509.Certificate, topic: str) -> None:
    """Raise NotAuthentic unless it is one that SNS signs with, and valid now.

    SNS serves the leaf alone, without the certificate that signed it. That it is SNS's own is
    known from where it was fetched: a host that proved its name on the connection.
    """
    now = datetime.now(UTC)
    if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
        raise NotAuthentic("the certificate of the signature is not valid now")
    if not _names(certificate) & _names_of_sns(topic):
        raise NotAuthentic("the certificate of the signature is not one of SNS")
    key = certificate.public_key()
    if (
        not isinstance(key, RSAPublicKey)
        or key.key_size < SMALLEST_KEY
        or _is_authority(certificate)
    ):
        raise NotAuthentic(f"the certificate holds no RSA key of {SMALLEST_KEY} bits to sign with")


def _names(certificate: x509.Certificate) -> set[str]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        return set(found.value.get_values_for_type(x509.DNSName))
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        subject = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
        return {str(attribute.value) for attribute in subject}


def _names_of_sns(topic: str) -> set[str]:
    """As AWS's own verifier has them: one for most regions, own ones for the newer and others."""
    region, host = region_of(topic), host_of(topic)
    if topic.startswith("arn:aws-cn:"):
        return {host, f"sns-{region}.amazonaws.com.cn"}
    if topic.startswith("arn:aws-us-gov:"):
        return {host, "sns-us-gov-west-1.amazonaws.com"}
    return {host, f"sns-signing.{region}.amazonaws.com", "sns.amazonaws.com"}


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        found = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        return False
    return found.value.ca


def _check_signature(certificate: x509.Certificate, signature: bytes, signed: bytes) -> None:
    key = certificate.public_key()
    assert isinstance(key, RSAPublicKey)
    try:
        key.verify(signature, signed, PKCS1v15(), SHA256())
    except InvalidSignature as error:
        raise NotAuthentic("the signature does not fit the message") from error
