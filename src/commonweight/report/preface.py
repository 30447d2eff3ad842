"""What a reader must know before the numbers: in what this study differs from the paper."""

from commonweight.paper import published
from commonweight.study.experiments import Setting


def preface(setting: Setting) -> list[str]:
    """Plain sentences for the top of every report."""
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
        "epochs": str(study.training.epochs),
        "augmentation": " and ".join(augmentation) or "none",
        "super-net instances": str(study.experiments.instances),
        "ground-truth initialisations": str(study.experiments.ground_truth_seeds),
    }
