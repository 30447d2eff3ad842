"""The paper's programme: experiments, artefacts, and its own numbers to stand beside ours."""

from commonweight.paper.artefacts import ARTEFACTS, Artefact, artefacts, evidence, needed
from commonweight.paper.tables import Column, Curves, Number, Row, Series, Table

__all__ = [
    "ARTEFACTS",
    "Artefact",
    "Column",
    "Curves",
    "Number",
    "Row",
    "Series",
    "Table",
    "artefacts",
    "evidence",
    "needed",
]
