"""Tables, claims, figures and the page, from numbers that `paper` computed; nothing is recomputed here."""

from commonweight.report.data import to_data
from commonweight.report.forms import to_frame, to_terminal, to_text
from commonweight.report.page import Run
from commonweight.report.preface import About, about_study, preface
from commonweight.report.static import draw, plot, render
from commonweight.report.style import Style
from commonweight.report.table_forms import to_csv, to_markdown, to_rich
from commonweight.report.writing import write_report

__all__ = [
    "About",
    "Run",
    "Style",
    "about_study",
    "draw",
    "plot",
    "preface",
    "render",
    "to_csv",
    "to_data",
    "to_frame",
    "to_markdown",
    "to_rich",
    "to_terminal",
    "to_text",
    "write_report",
]
