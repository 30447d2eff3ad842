"""Trials on disk: one folder for each, written once, whole, with checksums; a run that was stopped goes on after them."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
import safetensors.torch
import torch
from torch import Tensor

from commonweight.errors import StoreError
from commonweight.judging.how_trained import HowTrained
from commonweight.judging.trials import Trial
from commonweight.own import Supernet
from commonweight.own.importing import Imported
from commonweight.space import Chosen
from commonweight.study.checksums import Checksum, as_json, parsed, read_list, write_list
from commonweight.study.durable import flush, make_folder, sweep, unfinished, write_durably
from commonweight.study.jobs import NUMERICS, identity
from commonweight.training import Batches

DONE, ASKED, RECORD = "done.json", "trial.json", "accuracy.safetensors"
LOOKED_AT = 8  # mini-batches of training data that a fingerprint is of


def fingerprint(data: Batches, how: HowTrained) -> str:
    """SHA-256 of the validation data, and of the first mini-batches of an epoch: a change further behind is not seen."""
    digest = hashlib.sha256(f"{data.batches_per_epoch(how.recipe.batch)}".encode())
    stream = how.stream.fork("fingerprint")
    first = islice(data.epoch(how.recipe.batch, stream, stream), LOOKED_AT)
    for images, labels in (data.validation(), *first):
        for one in (images, labels):
            digest.update(f"{tuple(one.shape)} {one.dtype}".encode())
            digest.update(one.contiguous().cpu().numpy().tobytes())
    return digest.hexdigest()


def described(imported: Imported, data: str, judged: Sequence[Chosen], how: HowTrained, number: int) -> dict[str, Any]:
    """All that decides what instance `number` measures, as JSON: the module's source text is in it."""
    recipe = {name: getattr(value, "value", value) for name, value in asdict(how.recipe).items()}
    return {
        "name": imported.word.rpartition(":")[2],
        "sources": dict(imported.sources),
        "data": data,
        "judged": [child.name for child in judged],
        "training": recipe,
        "order": how.order.value,
        "window": how.window,
        "groups": how.groups,
        "private": sorted(how.private),
        "seed": how.seed,
        "sweep_images": how.sweep_images,
        "again": how.again,
        "instance": number,
    }


@dataclass(frozen=True)
class TrialStore:
    """The trials below `<out>/trials`, each in a folder named by what was asked of it."""

    out: Path

    def read(self, asked: Mapping[str, Any], net: Supernet, how: HowTrained, device: str) -> Trial | None:
        """The trial, if it is stored; raises `StoreError` when what is there is damaged."""
        folder = self._folder(asked)
        if not folder.exists():
            return None
        try:
            sums, _ = read_list(folder / DONE)
            contents = {name: one.read(folder / name) for name, one in sums.items()}
            if parsed(contents[ASKED]) != asked:
                raise StoreError(f"{ASKED} describes another trial")
            arrays = safetensors.numpy.load(contents[RECORD])
            weights = [safetensors.torch.load(contents[f"weights-{group}.safetensors"]) for group in range(how.groups)]
            return Trial(
                accuracy=arrays["accuracy"],
                step=arrays["step"],
                trained=arrays["trained"].astype(bool),
                by_batch=arrays.get("by_batch"),
                modules=tuple(_with(net, one, how, device) for one in weights),
            )
        except (StoreError, ValueError, KeyError, safetensors.SafetensorError) as error:
            raise StoreError(f"trial {folder}: {error}; delete this folder to train it again") from None

    def write(self, asked: Mapping[str, Any], trial: Trial) -> None:
        """Store the trial, durably and whole or not at all."""
        arrays = {"accuracy": trial.accuracy, "step": trial.step, "trained": trial.trained.astype(np.uint8)}
        arrays |= {} if trial.by_batch is None else {"by_batch": trial.by_batch}
        files = {ASKED: as_json(asked), RECORD: safetensors.numpy.save(arrays)}
        for group, module in enumerate(trial.modules):
            tensors = {
                n: v.detach().cpu().clone().contiguous()
                for n, v in module.state_dict().items()
                if isinstance(v, Tensor)
            }
            files[f"weights-{group}.safetensors"] = safetensors.torch.save(tensors)
        files[DONE] = write_list({name: Checksum.of(content) for name, content in files.items()})
        folder = self._folder(asked)
        make_folder(folder.parent)
        sweep([folder.parent])
        with unfinished(folder) as temporary:
            temporary.mkdir()
            for name, content in files.items():
                write_durably(temporary / name, content)
            flush(temporary)
            temporary.rename(folder)
        flush(folder.parent)

    def _folder(self, asked: Mapping[str, Any]) -> Path:
        return self.out / "trials" / identity(asked, NUMERICS)


def _with(net: Supernet, weights: dict[str, Tensor], how: HowTrained, device: str) -> torch.nn.Module:
    module = net.built(how.stream.fork("init"), device, again=False)
    module.load_state_dict(weights, strict=False)
    return module
