"""The lab: a small estate on loopback, behind real wire protocols, with a stand-in model."""
