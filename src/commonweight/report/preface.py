"""What a reader must know before the numbers: what they are of, and in what a study differs from the paper."""

from dataclasses import dataclass

from commonweight.paper import published
from commonweight.paper.tables import lengths, sampled
from commonweight.study.load import dump_study
from commonweight.study.setting import Setting
from commonweight.training import Inactive
from commonweight.values import brief

FROZEN = (
    "Weights that a mini-batch does not use are left alone here (training.inactive: freeze). The paper's numbers were made "
    "under coast, where momentum and weight decay still move them; the target hidden-choices shows both."
)


@dataclass(frozen=True)
class About:
    """What a report is about: a name, and in plain sentences what its reader must know first; `settings` to look up.

    The numbers of a `trial` mean nothing, so that its report has no verdicts.
    """

    __repr__ = brief

    name: str
    sentences: tuple[str, ...]
    settings: str = ""
    trial: bool = False


def about_study(setting: Setting) -> About:
    """A study's report."""
    study = setting.study
    said = (study.about,) if study.about else ()
    return About(f"Study {study.name}", (*said, *preface(setting)), dump_study(study), study.trial)


def preface(setting: Setting) -> list[str]:
    """Plain sentences for the top of every report."""
    frozen, sample = setting.study.training.inactive is Inactive.FREEZE, sampled(setting)
    return [*_differences(setting), *([sample] if sample else []), *([FROZEN] if frozen else [])]


def _differences(setting: Setting) -> list[str]:
    """In what the study differs from the settings that the paper tells."""
    ours = _settings(setting)
    differences = [
        f"{name}: {ours[name]} ({theirs})" for name, theirs in published.SETTINGS.items() if ours[name] != theirs
    ]
    if not differences:
        return ["The study has the paper's own settings."]
    return [
        "This is not the paper's experiment: data, size and number of instances are smaller or different. "
        "The paper's numbers stand beside ours for orientation, not as a target.",
        f"Here, and in brackets in the paper: {'; '.join(differences)}.",
    ]


def _settings(setting: Setting) -> dict[str, str]:
    """This study's settings in the words of `published.SETTINGS`."""
    study = setting.study
    padding, flip = study.data.augment.padding, study.data.augment.flip
    augmentation = [f"crop with padding {padding}"] * bool(padding) + ["flip"] * flip
    return {
        "data": study.data.name,
        "image size": "×".join(map(str, setting.image_size)),
        "training images": str(setting.train_images),
        "primitives": ", ".join(study.space.primitives),
        "channels": str(study.net.channels),
        "stem channels": str(study.net.channels * study.net.stem_multiplier),
        "cells": str(study.net.cells),
        "BN momentum": str(study.net.bn_momentum),
        "batch": str(study.training.batch),
        "epochs": lengths(setting),
        "augmentation": " and ".join(augmentation) or "none",
        "sharing": study.sharing.label,
        "super-net instances": str(study.experiments.instances),
        "ground-truth initialisations": str(study.experiments.ground_truth_seeds),
    }
