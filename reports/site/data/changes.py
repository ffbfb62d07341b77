"""The schema of `changes.json`, which says what changed in one edition."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from roadworthy.reports.records import WORST_FIRST
from roadworthy.reports.site.data.table import DIALECT
from roadworthy.reports.transitions import MEANING

_TEXT = {"type": "string"}
_TEXTS = {"type": "array", "items": _TEXT}
_VERDICT = {"enum": [*WORST_FIRST, None]}
SCHEMA: Mapping[str, Any] = {
    "$schema": DIALECT,
    "title": "changes",
    "description": "What changed in an edition since the one before, for a webhook.",
    "type": "object",
    "properties": {
        "format": {"type": "string", "pattern": r"^1\.", "description": "the version of this form"},
        "edition": {**_TEXT, "description": "the edition"},
        "before": {"type": ["string", "null"], "description": "the edition before it; null for the first"},
        "moment": {**_TEXT, "description": "when its newest run was planned, as RFC 3339 has it"},
        "worse": {"type": "boolean", "description": "whether something newly fails or was not reported"},
        "counts": {
            "type": "object",
            "description": "how many changes there are of each kind",
            "properties": {kind: {"type": "integer", "description": meaning} for kind, meaning in MEANING.items()},
            "required": list(MEANING),
            "additionalProperties": False,
        },
        "lanes": {**_TEXTS, "description": "the lanes of the edition"},
        "refused": {**_TEXTS, "description": "why bundles are left out"},
        "changes": {
            "type": "array",
            "description": "every change, the most urgent first",
            "items": {
                "type": "object",
                "properties": {
                    "kind": {"enum": list(MEANING)},
                    "lane": _TEXT,
                    "check": {**_TEXT, "description": "empty if it is about the lane as a whole"},
                    "before": {**_VERDICT, "description": "the verdict before, or null"},
                    "after": {**_VERDICT, "description": "the verdict since, or null"},
                    "reason": {**_TEXT, "description": "the newer verdict's reason, in one line"},
                },
                "required": ["kind", "lane", "check", "before", "after", "reason"],
                "additionalProperties": False,
            },
        },
    },
    "required": ["format", "edition", "before", "moment", "worse", "counts", "lanes", "refused", "changes"],
    "additionalProperties": False,
}
