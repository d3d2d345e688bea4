"""What a release asks for: its requirements, roles and capabilities."""

from __future__ import annotations


def address(requirement: str) -> str:
    """Where a requirement stands in the documents; '' if it is unknown."""
    return ''
