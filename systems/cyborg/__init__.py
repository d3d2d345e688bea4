"""The real Cyborg 17.0.0 as a system under test; see ``tox -e cyborg``."""
