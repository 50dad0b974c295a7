"""Providers as an enum of the graph."""

from __future__ import annotations

from app.records import Provider
from app.schema.enums import graph_enum

graph_enum(
    Provider,
    "Who runs the resource or bills the usage.",
    AWS="Amazon Web Services.",
    AZURE="Microsoft Azure.",
    GCP="Google Cloud.",
    MICROSOFT_365="Microsoft 365.",
    OPENAI="OpenAI.",
    ANTHROPIC="Anthropic.",
    GEMINI="Google Gemini.",
    OTHER="Any other provider.",
)
