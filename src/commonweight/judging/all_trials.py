"""All trials of a judgement, one after another: trained, or read from where they are stored."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from commonweight.judging.how_trained import HowTrained
from commonweight.judging.trial_store import TrialStore, described, fingerprint
from commonweight.judging.trials import Trial, run_trial
from commonweight.judging.watching import watched
from commonweight.own import Imported, SharingFound, Supernet
from commonweight.space import Chosen
from commonweight.study.cuda import exact
from commonweight.study.lock import locked
from commonweight.training import Batches


@dataclass(frozen=True, eq=False)
class AllTrials:
    """What the instances of a judgement are, all but their number."""

    net: Supernet
    found: SharingFound
    data: Batches
    judged: Sequence[Chosen]
    how: HowTrained
    device: str

    @property
    def steps(self) -> int:
        """Mini-batches of one module."""
        return self.how.recipe.steps(self.data.batches_per_epoch(self.how.recipe.batch))

    def done(self) -> list[Trial]:
        """Every instance, trained now."""
        return self._trained(range(self.how.instances))

    def stored(self, imported: Imported, out: Path) -> list[Trial]:
        """Every instance, those that are stored below `out` from there, the others trained and stored there.

        Raises `StoreError` when a stored one is damaged, and `UsageError` when another process is at work in the folder.
        """
        with locked(out):
            store, data = TrialStore(out), fingerprint(self.data, self.how)
            asked = [described(imported, data, self.judged, self.how, number) for number in range(self.how.instances)]
            there = {
                number: trial
                for number, one in enumerate(asked)
                if (trial := store.read(one, self.net, self.how, self.device)) is not None
            }
            missing = [number for number in range(self.how.instances) if number not in there]
            new = self._trained(missing, lambda number, trial: store.write(asked[number], trial))
            there |= dict(zip(missing, new, strict=True))
            return [there[number] for number in range(self.how.instances)]

    def _trained(self, numbers: Sequence[int], keep: Callable[[int, Trial], None] | None = None) -> list[Trial]:
        trials = []
        with (
            exact(self.device),
            watched(self.steps * self.how.groups * len(numbers), "mini-batches to train") as advanced,
        ):
            for number in numbers:
                trial = run_trial(self.net, self.found, self.data, self.judged, self.how, number, self.device, advanced)
                if keep is not None:
                    keep(number, trial)
                trials.append(trial)
        return trials
