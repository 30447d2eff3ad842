"""Against doing nothing clever: what costs nothing, or no more than a super-net, as a rank (not in the paper)."""

from collections.abc import Callable

import numpy as np
import torch

from commonweight.net import DataShape, SuperNet
from commonweight.net.proxies import multiply_adds, naswot, synflow
from commonweight.paper.estimates import estimated_mean
from commonweight.paper.evidence import report_stream
from commonweight.paper.experiments import BRIEFLY_ALONE, SEEDS, TRUTH
from commonweight.paper.tables import INTERVALS, PLUS_MINUS, Column, Number, Row, Table
from commonweight.paper.targets import artefact
from commonweight.paper.ways import parameter_counts, training_cost
from commonweight.ranking import gt_tau_of_best, mean_of_last, mean_of_others
from commonweight.seeds import Stream
from commonweight.sharing import share_all
from commonweight.space import Child
from commonweight.study.setting import Measured, Setting

SHARES = {"all": 1.0, "quarter": 0.25, "twentieth": 0.05}
COLUMNS = (
    Column("child_epochs", "child-epochs", 2),
    Column("all", "GT-Tau", 4),
    Column("quarter", "among the truly best 25 %", 4),
    Column("twentieth", "among the truly best 5 %", 4),
)
NOISE_IMAGES = 32  # of Gaussian noise, which NASWOT tells apart


@artefact("baselines", None, SEEDS.last(), SEEDS.window(), BRIEFLY_ALONE.last(), TRUTH.last(), TRUTH.judged())
def baselines(  # noqa: PLR0917
    last: np.ndarray, window: Measured, brief: np.ndarray, alone: np.ndarray, judged: np.ndarray, setting: Setting
) -> tuple[Table]:
    """GT-Tau of super-nets beside what is had for nothing or as little, among all children and among the truly best."""
    truths, moments, stream = mean_of_others(judged), len(window.step), report_stream(setting)
    shared = training_cost(SEEDS, setting)
    updates = BRIEFLY_ALONE.conditions(setting).stop_after or 0
    brief_cost = len(setting.children) * updates / setting.batches_per_epoch
    ranked = {
        "super-net, last moment": (shared, last),
        f"super-net, mean of last {moments} mini-batches": (shared, mean_of_last(window.accuracy, moments)),
        f"every child alone for {updates} mini-batches": (brief_cost, brief),
        **{name: (0.0, values[None]) for name, values in untrained(setting).items()},
    }
    rows = [
        Row(name, len(rank), (Number(cost), *(_against(rank, truths, share, stream) for share in SHARES.values())))
        for name, (cost, rank) in ranked.items()
    ]
    own = [_estimated(_own(alone, truths, share), stream) for share in SHARES.values()]
    rows.append(Row("ground truth: every child alone", len(alone), (Number(training_cost(TRUTH, setting)), *own)))
    best = {share: int(np.ceil(round(share * len(setting.children), 9))) for share in SHARES.values()}
    notes = (
        f"Population: {_population(setting)}. Among the truly best: by ground truth's mean over "
        f"all initialisations but one, {best[0.25]} and {best[0.05]} children, and those that tie with the last of them; "
        "fewer than 3 have no GT-Tau. Over few children it is coarse: of 3 it is one of −1, −1/3, 1/3 and 1.",
        "Ground truth's own row is the ceiling: each initialisation, read on the images of the sweeps, against the mean of "
        "the others. All rows are in the mean over these truths.",
        "Alone for so many mini-batches that ranking the children costs what the super-net does.",
        "Before any training, on an image of one channel and two classes: parameters, multiply-adds, SynFlow (Tanaka et al., "
        f"2020) and NASWOT (Mellor et al., 2021; here on {NOISE_IMAGES} images of Gaussian noise).",
        PLUS_MINUS,
        INTERVALS,
    )
    return (Table("baselines", "Super-nets against doing nothing clever", COLUMNS, tuple(rows), notes),)


def untrained(setting: Setting) -> dict[str, np.ndarray]:
    """What is known of every child before any training `[child]`, by name; whatever the images are, but for their size."""
    plan = share_all(setting.children, setting.study.net.cells, tail=setting.study.net.has_tail)
    stream = Stream(setting.study.seed).fork("proxies")
    net = SuperNet(plan, setting.study.net, DataShape(image_channels=1, classes=2), [stream]).double().eval()
    noise = stream.fork("images").generator().normal(size=(NOISE_IMAGES, 1, *setting.image_size))
    images, one = torch.from_numpy(noise), torch.zeros(1, 1, *setting.image_size, dtype=torch.float64)

    def of_each(score: Callable[[Child], float]) -> np.ndarray:
        return np.array([score(child) for child in setting.children], dtype=np.float64)

    return {
        "number of parameters": parameter_counts(setting),
        "multiply-adds": of_each(lambda child: multiply_adds(lambda x: net(x, child), one)),
        "SynFlow": of_each(lambda child: synflow(lambda x: net(x, child), net.path(child).parameters, one)),
        "NASWOT": of_each(lambda child: naswot(lambda x: net(x, child), net, images)),
    }


def _population(setting: Setting) -> str:
    children, space = len(setting.children), setting.study.space.size
    return (
        f"all {children} children of the space"
        if children == space
        else f"a sample of {children} of {space:,} children"
    )


def _against(rank: np.ndarray, truths: np.ndarray, share: float, stream: Callable[..., np.random.Generator]) -> Number:
    """GT-Tau `[instance, child]`, of each instance the mean over the truths `[seed, child]`."""
    taus = np.stack([gt_tau_of_best(rank, truth, share) for truth in truths])
    return _estimated(taus.mean(axis=0), stream)


def _own(alone: np.ndarray, truths: np.ndarray, share: float) -> np.ndarray:
    return np.array([gt_tau_of_best(one, rest, share) for one, rest in zip(alone, truths, strict=True)])


def _estimated(taus: np.ndarray, stream: Callable[..., np.random.Generator]) -> Number:
    return Number(float(taus[0])) if len(taus) == 1 else estimated_mean(taus, stream)
