"""Which provider of the inventory a charge names: FOCUS leaves the spelling of provider names to whoever exports."""

from __future__ import annotations

from app.records import Provider

# Parts of names as exports have them (AWS, Amazon Web Services, Inc.; Microsoft; Google Cloud; …), the first that fits.
_PARTS = (
    ("aws", Provider.AWS),
    ("amazon", Provider.AWS),
    ("microsoft 365", Provider.MICROSOFT_365),
    ("office 365", Provider.MICROSOFT_365),
    ("azure", Provider.AZURE),
    ("microsoft", Provider.AZURE),
    ("gemini", Provider.GEMINI),
    ("google", Provider.GCP),
    ("gcp", Provider.GCP),
    ("openai", Provider.OPENAI),
    ("anthropic", Provider.ANTHROPIC),
)


def provider_of(*names: str | None) -> Provider | None:
    """The provider that the first telling name stands for; None where none of them is known."""
    for name in names:
        for part, provider in _PARTS:
            if name is not None and part in name.lower():
                return provider
    return None
