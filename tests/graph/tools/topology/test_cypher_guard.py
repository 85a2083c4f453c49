"""The words of a foreign query: what only reads passes, and no trick does."""

import random
import re

import pytest

from graph.tools.topology.cypher_guard import LONGEST_QUERY, NotAllowed, refuse_unless_reading
from tests.graph.tools.topology.foreign_queries import BYPASSES, HARMLESS, USEFUL


@pytest.mark.parametrize("name", HARMLESS)
def test_a_query_that_only_reads_passes(name: str) -> None:
    refuse_unless_reading(HARMLESS[name])


@pytest.mark.parametrize("name", BYPASSES)
def test_a_trick_is_refused_by_what_is_wrong_with_it(name: str) -> None:
    query, named = BYPASSES[name]
    with pytest.raises(NotAllowed) as refused:
        refuse_unless_reading(query)
    assert named in str(refused.value).partition("allowed are")[0]


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("MATCH (n) DELETE n", "allowed are MATCH, OPTIONAL MATCH, WHERE, WITH, RETURN"),
        ("MATCH (h:Host) RETURN h.load", "if it is a name, write `load` with backticks"),
        ("RETURN sin(1)", "allowed are all any none"),
        ("RETURN 1;", "no ';', not even at its end"),
        ("MATCH (n) RETURN n.password", "properties(n) shows all that is none"),
        ("MATCH (n) RETURN n['name']", "a property by its name as in s.name"),
        ("RETURN $name", "there are no parameters; write the value"),
        ("RETURN n.name =~ 'a.*'", "use CONTAINS, STARTS WITH or ENDS WITH"),
        ("MATCH (a)-[:CALLS*]->(b) RETURN b", "an upper bound of at most 6, such as [:CALLS*1..6]"),
    ],
)
def test_a_refusal_says_what_to_write_instead(query: str, told: str) -> None:
    with pytest.raises(NotAllowed, match=re.escape(told)):
        refuse_unless_reading(query)


def test_a_query_longer_than_any_question_is_refused() -> None:
    text = "RETURN '" + "x" * (LONGEST_QUERY - 9) + "'"
    refuse_unless_reading(text)
    with pytest.raises(NotAllowed, match=rf"{LONGEST_QUERY + 1} characters"):
        refuse_unless_reading(text + " ")


CODE_OR_QUOTE = re.compile(r"""('[^']*'|"[^"]*"|`[^`]*`|//[^\n]*\n|/\*.*?\*/)""", re.DOTALL)
WRITES = [
    *("CREATE (x)", "INSERT (x)", "MERGE (x)", "SET n.x = 1", "DELETE n", "DETACH DELETE n"),
    *("REMOVE n.x", "CALL db.labels()", "CALL { CREATE (x) }", "LOAD CSV FROM 'u' AS l", "; DROP"),
    *("FOREACH (i IN [1] | CREATE (x))", "USE other", "UNKNOWN (x)", "UNKNOWN n"),
]


def any_case(dice: random.Random, text: str) -> str:
    return "".join(dice.choice((letter.lower(), letter.upper())) for letter in text)


@pytest.mark.parametrize("seed", range(20))
def test_a_write_put_anywhere_into_a_good_query_is_refused(seed: int) -> None:
    dice = random.Random(seed)
    for _ in range(100):
        query = dice.choice([*USEFUL, *list(HARMLESS.values())[:3]])
        refuse_unless_reading(query)
        parts = CODE_OR_QUOTE.split(query)
        at = dice.randrange(0, len(parts), 2)
        places = [found.start() for found in re.finditer(r"\b|$", parts[at])]
        place, gap = dice.choice(places), dice.choice([" ", "\n", "/**/", "\t/* ' */", " //`\n"])
        write = any_case(dice, dice.choice(WRITES))
        parts[at] = parts[at][:place] + gap + write + gap + parts[at][place:]
        with pytest.raises(NotAllowed):
            refuse_unless_reading("".join(parts))


@pytest.mark.parametrize("seed", range(5))
def test_a_write_put_into_a_string_or_a_comment_is_harmless(seed: int) -> None:
    dice = random.Random(seed)
    for _ in range(100):
        query = dice.choice([query for query in USEFUL if "'" in query])
        parts = CODE_OR_QUOTE.split(query)
        at = dice.randrange(1, len(parts), 2)
        write = any_case(dice, dice.choice(WRITES)).replace("'", "")
        opening = 2 if parts[at].startswith("/") else 1
        parts[at] = parts[at][:opening] + write + parts[at][opening:]
        refuse_unless_reading("".join(parts))
