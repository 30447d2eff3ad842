"""What the paper asks for: experiments, artefacts, and its own numbers to stand beside ours."""

from commonweight.paper.answer import Answer, answer_so_far
from commonweight.paper.artefacts import ARTEFACTS, artefacts, chapter, evidence, named, needed
from commonweight.paper.claims import Check, Claim, Claims, Verdict
from commonweight.paper.claims.every import claims_so_far
from commonweight.paper.evidence import Evidence
from commonweight.paper.figures import Box, Boxes, Curves, Identity, Mark, Origin, Series
from commonweight.paper.scalars import Scalars, scalars_of
from commonweight.paper.tables import Column, Number, Row, Table
from commonweight.paper.targets import Artefact, Made

__all__ = [
    "ARTEFACTS",
    "Answer",
    "Artefact",
    "Box",
    "Boxes",
    "Check",
    "Claim",
    "Claims",
    "Column",
    "Curves",
    "Evidence",
    "Identity",
    "Made",
    "Mark",
    "Number",
    "Origin",
    "Row",
    "Scalars",
    "Series",
    "Table",
    "Verdict",
    "answer_so_far",
    "artefacts",
    "chapter",
    "claims_so_far",
    "evidence",
    "named",
    "needed",
    "scalars_of",
]
