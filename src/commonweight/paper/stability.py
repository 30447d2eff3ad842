"""Tables 1 and 2 and Figure 2: how stable ranks are, and how close to ground truth (paper §3.2)."""

import numpy as np

from commonweight.paper import published
from commonweight.paper.estimates import estimated_mean, estimated_s_tau
from commonweight.paper.evidence import report_stream
from commonweight.paper.experiments import ORDERS, ORDERS_SHUFFLED, SEEDS, TRUTH
from commonweight.paper.figures import Curves, Series, band_of
from commonweight.paper.tables import (
    INTERVALS,
    PLUS_MINUS,
    Number,
    Row,
    Table,
    beside_paper,
    lengths,
    mean_std,
    sampling_errors,
    with_paper,
)
from commonweight.paper.targets import artefact
from commonweight.ranking import gt_tau, random_ranks, s_tau, top_n_rank
from commonweight.study.schema import DataOrder
from commonweight.study.setting import Setting

RANDOM, EPOCHS, JUDGED = "random", "epochs", "judged"
"""Rows of Table 1 and 2 that are no experiments of their own, as `published` names them."""
TITLES = {RANDOM: "Random rank", EPOCHS: "Different epochs"}
DATA_ORDERS = {
    DataOrder.COMMON: "All instances, and all children alone, see the images in one order, augmented alike "
    "(experiments.data_order: common): what other orders would change is left out of these numbers.",
    DataOrder.OWN: "Every instance, and every initialisation of the children alone, sees the images in its own order, "
    "augmented in its own way (experiments.data_order: own).",
}
_RANKS = (SEEDS.last(), ORDERS.last(), ORDERS_SHUFFLED.last_epochs(), TRUTH.last(), TRUTH.judged())


@artefact("table-1", "3.2", *_RANKS)
def table_1(  # noqa: PLR0917
    seeds: np.ndarray,
    orders: np.ndarray,
    shuffled: np.ndarray,
    alone: np.ndarray,
    judged: np.ndarray,
    setting: Setting,
) -> tuple[Table]:
    """Instability of multiple runs measured with S-Tau."""
    stream, experiments = report_stream(setting), setting.study.experiments
    random = random_ranks(experiments.instances, len(setting.children), stream("random ranks"))
    rows = []
    for name, title, accuracies in _rows(seeds, orders, shuffled, alone, judged, setting, random):
        between = s_tau(accuracies)
        # Epochs of one instance are no independent draws, so their row has no interval.
        stable = Number(between.mean) if name == EPOCHS else estimated_s_tau(accuracies, stream)
        values = (stable, Number(between.max), Number(between.min))
        paper = tuple(map(Number, published.TABLE_1[name])) if name in published.TABLE_1 else (None,) * 3
        rows.append(Row(title, len(accuracies), with_paper(values, paper)))
    notes = (
        _last_epochs(shuffled, setting),
        _images(setting, "S-Tau", s_tau(alone).mean, s_tau(judged).mean),
        DATA_ORDERS[experiments.data_order],
        INTERVALS,
    )
    columns = beside_paper(("s_tau", "S-Tau", 4), ("max_tau", "Max Tau", 4), ("min_tau", "Min Tau", 4))
    title = f"Instability of multiple runs measured with S-Tau, after epoch {lengths(setting)}"
    return (Table("table-1", title, columns, tuple(rows), notes),)


@artefact("table-2", "3.2", *_RANKS)
def table_2(  # noqa: PLR0917
    seeds: np.ndarray,
    orders: np.ndarray,
    shuffled: np.ndarray,
    alone: np.ndarray,
    judged: np.ndarray,
    setting: Setting,
) -> tuple[Table]:
    """Comparison with ground truth with GT-Tau and TnR."""
    stream, truth, rows = report_stream(setting), judged.mean(axis=0), []
    named = _rows(seeds, orders, shuffled, alone, judged, setting)
    for name, title, accuracies in named:
        metrics = (gt_tau(accuracies, truth), *(top_n_rank(accuracies, truth, n) for n in (1, 3)))
        numbers = [mean_std(values, None) if name == EPOCHS else estimated_mean(values, stream) for values in metrics]
        rows.append(Row(title, len(accuracies), with_paper(numbers, published.TABLE_2.get(name, (None,) * 3))))
    own, on_truths_images = (gt_tau(each, truth).mean() for each in (alone, judged))
    notes = (
        _last_epochs(shuffled, setting),
        "Ground truth's own row compares each initialisation with the mean over all of them, itself included, as in the "
        "paper: with few initialisations this flatters it.",
        _images(setting, "GT-Tau", own, on_truths_images),
        DATA_ORDERS[setting.study.experiments.data_order],
        PLUS_MINUS,
        INTERVALS,
        *sampling_errors({title: accuracies for _, title, accuracies in named}, truth, setting),
    )
    columns = beside_paper(("gt_tau", "GT-Tau", 4), ("t1r", "T1R", 1), ("t3r", "T3R", 1))
    title = f"Comparison with ground truth with GT-Tau and TnR, after epoch {lengths(setting)}"
    return (Table("table-2", title, columns, tuple(rows), notes),)


@artefact("figure-2", "3.2", SEEDS.after_epochs(), ORDERS_SHUFFLED.after_epochs(), TRUTH.after_epochs())
def figure_2(seeds: np.ndarray, shuffled: np.ndarray, alone: np.ndarray, setting: Setting) -> tuple[Curves]:
    """S-Tau evaluated after every epoch for different seeds, shuffled orders and ground truth."""
    stream, series = report_stream(setting), []
    for planned, accuracy in ((SEEDS, seeds), (ORDERS_SHUFFLED, shuffled), (TRUTH, alone)):
        taus = [estimated_s_tau(accuracy[:, epoch], stream) for epoch in range(accuracy.shape[1])]
        values = np.array([tau.value for tau in taus])
        low, high = band_of([tau.interval for tau in taus])
        name, epochs = f"{planned.title} ({len(accuracy)} ranks)", np.arange(1, len(taus) + 1)
        series.append(Series(name, epochs, values, low=low, high=high))
    notes = (
        f"Every point is read on the same {setting.sweep_images} validation images, ground truth too.",
        "Bands: 95 % bootstrap over instances.",
    )
    return (Curves("figure-2", "S-Tau after every epoch", "epoch", "S-Tau", tuple(series), notes),)


def median_instance(last_epochs: np.ndarray) -> int:
    """The instance of `[instance, epoch, child]` whose S-Tau over its epochs is the (lower) median (paper §3.2)."""
    taus = [s_tau(epochs).mean for epochs in last_epochs]
    return int(np.argsort(taus, kind="stable")[(len(taus) - 1) // 2])


def _rows(  # noqa: PLR0917
    seeds: np.ndarray,
    orders: np.ndarray,
    shuffled: np.ndarray,
    alone: np.ndarray,
    judged: np.ndarray,
    setting: Setting,
    random: np.ndarray | None = None,
) -> list[tuple[str, str, np.ndarray]]:
    """Name, title and accuracies `[rank, child]` of each row, in the paper's order, all read on the sweeps' images.

    Where ground truth is judged on other images, a row named `judged` shows its initialisations on those too.
    """
    super_nets = ((SEEDS, seeds), (ORDERS, orders), (ORDERS_SHUFFLED, shuffled[:, -1]))
    rows = [(planned.name, planned.title, accuracies) for planned, accuracies in super_nets]
    if random is not None:
        rows.append((RANDOM, TITLES[RANDOM], random))
    rows.append((TRUTH.name, TRUTH.title, alone))
    if setting.judge_images != setting.sweep_images:
        rows.append((JUDGED, f"{TRUTH.title} on {setting.judge_images} images", judged))
    return [*rows, (EPOCHS, TITLES[EPOCHS], shuffled[median_instance(shuffled)])]


def _images(setting: Setting, what: str, swept: float, judged: float) -> str:
    """On which images the rows are read, and what ground truth's own number is on these and on those of the truth."""
    sweep, judge = setting.sweep_images, setting.judge_images
    if judge == sweep:
        return f"Every row is read on the same {sweep} validation images."
    return (
        f"Every row is read on the same {sweep} validation images, but the one that says {judge}: on these the truth is "
        f"judged that ranks are compared with. What noise of validation makes of ground truth's own {what}: {swept:.4f} on "
        f"{sweep} images, {judged:.4f} on {judge}."
    )


def _last_epochs(shuffled: np.ndarray, setting: Setting) -> str:
    return (
        f"Different epochs: the last {setting.study.last_epochs} epochs of instance "
        f"{median_instance(shuffled)} of the shuffled orders, the one with the (lower) median S-Tau over them."
    )
