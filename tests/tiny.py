"""Studies and jobs so small that a test can run them whole: 8 children of one cell of 2 channels on 7 x 7 pixels."""

import struct

import numpy as np
import safetensors.numpy

from commonweight.study.jobs import FoundSpec, Job
from commonweight.study.load import load_study
from commonweight.study.record import RECORD, Record

PAIR = ["max_pool_3x3", "sep_conv_3x3"]
TINY = {
    "name": "tiny",
    "trial": False,
    "data.train_images": 128,
    "data.sweep_images": 20,
    "data.judge_images": 30,
    "space.primitives": PAIR,
    "net.cells": 1,
    "net.channels": 2,
    "training.epochs": 2,
    "training.batch": 64,
    "experiments.instances": 2,
    "experiments.last_epochs": 2,
    "experiments.long_factor": 2,
    "experiments.finetune_batches": 3,
    "experiments.calibration_batches": 1,
}


def tiny_study(**overrides):
    """`smoke` made tiny; an override `training__epochs=3` is the study's `training.epochs`."""
    return load_study("smoke", TINY | {key.replace("__", "."): value for key, value in overrides.items()})


def all_images(name, path):
    """A section `data` of all the images there are at this path, as they are."""
    return {"name": name, "path": str(path)} | dict.fromkeys(("resize", "train_images", "sweep_images", "judge_images"))


def make_job(children=("111", "112", "221"), *, init=(0,), **fields):
    """A valid job of the tiny space whose images do not exist; a field may be given as plain data."""
    content = {
        "images": {
            "fingerprint": "f" * 64,
            "train_images": 100,
            "augment": {"padding": 1, "flip": True},
            "sweep_images": 20,
            "judge_images": 30,
        },
        "space": {"nodes": 2, "primitives": PAIR},
        "net": {"cells": 1, "channels": 2, "stem_multiplier": 1},
        "training": {"epochs": 3, "batch": 64},
        "children": list(children) if isinstance(children, list | tuple) else children,
        "seeds": {"study": 1, "init": list(init)},
    }
    return Job.model_validate(content | fields)


def make_record(job, seed=0):
    """A record such as the job asks for, of random accuracies."""
    rng = np.random.default_rng([seed, *map(ord, job.id)])
    shape = (job.copies, job.sweeps, len(job.children))
    steps = sorted(job.moments.steps(job.mini_batches, job.batches_per_epoch))
    trained = rng.permutation(len(job.children))[np.array(steps) % len(job.children)]  # a fixed order
    final = {which: rng.random((job.copies, len(job.children))) for which in job.final_accuracies}
    children = None
    if isinstance(job.children, FoundSpec):  # a partition into runs, wherever it should have been found
        children = job.children.group * job.children.size + np.arange(job.children.size)
    return Record(rng.random(shape), np.array(steps), trained, final, children)


def record_files(store):
    """The stored record of every job, as bytes, by its id."""
    return {job_id: (store.folder(job_id) / RECORD).read_bytes() for job_id in store.ids()}


def flip_accuracy(store, job_id):
    """Damage the job's record so that only its checksum tells."""
    path = store.folder(job_id) / RECORD
    arrays = safetensors.numpy.load_file(path)
    arrays["accuracy"] = 1 - arrays["accuracy"]
    path.write_bytes(safetensors.numpy.save(arrays))


def write_idx_folder(folder, seed=0, train=64, validation=24):
    """A folder of IDX files, 7 x 7 pixels: noise, and a row for each of 4 classes that can be learnt."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    for part, count in (("train", train), ("t10k", validation)):
        images = rng.integers(0, 128, (count, 7, 7), dtype=np.uint8)
        labels = (np.arange(count) % 4).astype(np.uint8)
        images[np.arange(count), labels] += 100
        header = bytes([0, 0, 8, 3]) + struct.pack(">3I", count, 7, 7)
        (folder / f"{part}-images-idx3-ubyte").write_bytes(header + images.tobytes())
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(
            bytes([0, 0, 8, 1]) + struct.pack(">I", count) + labels.tobytes()
        )
    return folder
