"""The picture of an answer."""

from dataclasses import replace

from report.made_up import answer

from commonweight.paper import Number, Row
from commonweight.report import render
from commonweight.report.forest import draw_answer


def test_every_row_has_its_point_its_interval_and_its_numbers():
    (axes,) = draw_answer(answer()).axes
    assert [label.get_text() for label in axes.get_yticklabels()] == [row.name for row in answer().rows]
    assert [tuple(line.get_xydata()[0]) for line in axes.lines] == [(0.25, 0), (0.35, 1), (0.7, 2)]
    ends = [bar.get_segments()[0][:, 0].tolist() for bar in axes.collections]
    assert ends == [[0.17, 0.31], [0.3, 0.4]]  # the last has no interval
    assert [text.get_text() for text in axes.texts] == ["0.25 [0.17, 0.31]", "0.35 [0.30, 0.40]", "0.70"]
    bottom, top = axes.get_ylim()
    assert top < bottom  # what the sentence begins with is on top


def test_a_negative_interval_is_inside_and_the_undefined_has_no_point():
    low = replace(answer().rows[0].numbers[0], interval=replace(answer().rows[0].numbers[0].interval, low=-0.4))
    made = replace(answer(), rows=(Row("a $x$ <b>", 5, (low,)), Row("b", 5, (Number(float("nan")),))))
    figure = draw_answer(made)
    (axes,) = figure.axes
    assert axes.get_xlim()[0] < -0.4
    assert len(axes.lines) == 1
    assert b"a $x$ &lt;b&gt;" in render(figure, "svg")
