"""A job's identity: everything that decides its numbers changes it, and nothing else does."""

import copy

import pytest
from pydantic import ValidationError
from tiny import make_job

from commonweight.sharing import Kind, share_all, share_all_but, share_none, share_prefix
from commonweight.study import jobs
from commonweight.study.jobs import Job, SharingSpec
from commonweight.study.work import Runtime
from commonweight.training import ChildOrder, Inactive

OTHER = {
    "images.fingerprint": "e" * 64,
    "images.train_images": 101,
    "images.augment.padding": 2,
    "images.augment.flip": False,
    "images.sweep_images": 21,
    "images.judge_images": None,
    "space.nodes": 3,
    "space.primitives": ["sep_conv_3x3", "max_pool_3x3"],
    "net.cells": 2,
    "net.channels": 3,
    "net.stem_multiplier": 2,
    "net.combine": "sum",
    "net.bn_momentum": 0.1,
    "training.epochs": 4,
    "training.batch": 63,
    "training.lr": 0.026,
    "training.lr_min": 0.0,
    "training.momentum": 0.0,
    "training.weight_decay": 0.0,
    "training.inactive": "coast",
    "children": ["111", "112"],
    "sharing.kind": "none",
    "sharing.k": 1,
    "sharing.kinds": ["norm"],
    "sharing.edges": [2],
    "order": "shuffled",
    "seeds.study": 2,
    "seeds.init": [1],
    "seeds.order": 1,
    "seeds.data": 1,
    "seeds.augment": 1,
    "moments.every_epoch": False,
    "moments.last_batches": 1,
    "moments.precision": "bfloat16",
    "moments.windows": [{"epoch": 1, "batches": 1}],
    "snapshots": [1],
    "start": {"job": "0" * 16, "epoch": 1},
    "stop_after": 1,
    "calibration_batches": 1,
}
"""Another value for every field of a job."""
ALONG = {"sharing.k": {"kind": "prefix"}, "sharing.kinds": {"kind": "all-but"}, "sharing.edges": {"kind": "all-but"}}
"""What has to change with a field."""


def leaves(content, before=""):
    for key, value in content.items():
        if isinstance(value, dict):
            yield from leaves(value, f"{before}{key}.")
        else:
            yield f"{before}{key}", value


def changed(job, path, value):
    content = copy.deepcopy(job.model_dump(mode="json"))
    *parents, last = path.split(".")
    section = content
    for parent in parents:
        section = section[parent]
    section |= {last: value, **ALONG.get(path, {})}
    return Job.model_validate(content)


def test_every_field_changes_the_identity():
    job = make_job()
    assert {path for path, _ in leaves(job.model_dump(mode="json"))} == set(OTHER)  # none is forgotten here
    ids = {path: changed(job, path, value).id for path, value in OTHER.items()}
    assert len({job.id, *ids.values()}) == 1 + len(OTHER)


def test_what_came_later_changes_the_identity_where_it_is_used():
    """Said at its default it is no other job, and stands nowhere in its description."""
    job = make_job()
    used = {"population": "space", "net.frame": "nas-bench-201", "net.stacks": 2}
    unused = {"population": "children", "net.frame": "paper", "net.stacks": 1}
    ids = [changed(job, path, value).id for path, value in used.items()]
    assert len({job.id, *ids}) == 4
    for path, value in unused.items():
        same = changed(job, path, value)
        assert (same, same.id) == (job, job.id)
        assert path.rpartition(".")[2] not in same.model_dump_json()
    every = make_job(population="space", net={"cells": 2, "frame": "nas-bench-201", "stacks": 2})
    assert Job.model_validate_json(every.model_dump_json()) == every


def test_whom_a_job_trains_and_whom_it_validates():
    job = make_job(("112", "221"), population="space", order="uniform")
    assert [child.name for child in job.plan().children] == [child.name for child in job.space.children()]
    assert [child.name for child in job.validated] == ["112", "221"]
    assert job.label == "2 of 8 children, all, uniform order 0, 1 copy"
    assert job.validations == make_job(("112", "221")).validations
    assert make_job(("112", "221")).plan().children == job.validated


def test_the_plan_of_nas_bench_201s_frame_has_a_tail():
    for kind in ({"kind": "all"}, {"kind": "none"}, {"kind": "prefix", "k": 1}, {"kind": "all-but", "edges": [1]}):
        assert make_job(sharing=kind, net={"cells": 1, "frame": "nas-bench-201"}).plan().tail
        assert not make_job(sharing=kind).plan().tail


FOUND = {"job": "0" * 16, "number": 0, "by": "help", "over": 6, "m": 3, "group": 1, "size": 2}
OTHER_FOUND = {"job": "1" * 16, "number": 1, "by": "gradients", "over": 7, "m": 4, "group": 0, "size": 3}


def test_every_part_of_what_is_found_changes_the_identity():
    job = make_job(children=FOUND)
    assert job.children.model_dump(mode="json") == FOUND
    assert OTHER_FOUND.keys() == FOUND.keys()
    ids = {key: make_job(children=FOUND | {key: value}).id for key, value in OTHER_FOUND.items()}
    assert len({job.id, *ids.values()}) == 1 + len(FOUND)
    assert Job.model_validate_json(job.model_dump_json()) == job


def test_a_job_of_found_children_knows_their_number_and_nothing_else_of_them():
    job, known = make_job(children=FOUND, order="shuffled"), make_job(("112", "221"), order="shuffled")
    assert (len(job.children), job.validations) == (2, known.validations)
    assert job.label == "2 children found by help, all, shuffled order 0, 1 copy"
    assert job.normalised() is job
    assert job.training_these(("112", "221")) == known
    with pytest.raises(AssertionError, match="its record says"):
        job.plan()
    with pytest.raises(ValidationError):
        make_job(children=FOUND | {"size": 1})


def test_what_a_job_starts_from():
    start = {"job": "2" * 16, "epoch": 1}
    assert make_job().sources == ()
    assert make_job(start=start).sources == ("2" * 16,)
    assert make_job(children=FOUND).sources == ("0" * 16,)
    assert make_job(children=FOUND, start=start).sources == ("0" * 16, "2" * 16)


def test_one_copy_of_a_job():
    assert make_job(init=(3, 4, 5)).of_copy(1) == make_job(init=(4,))
    assert make_job(init=(3, 4, 5)).of_copy(1).id == make_job(init=(4,)).id


def test_identity_is_pinned():
    """A changed literal means that every stored result is trained again: raise `NUMERICS` or put the old content back."""
    assert make_job().id == "cc856f15ec27c2ec"


def test_identity_changes_with_the_numerics_version(monkeypatch):
    before = make_job().id
    monkeypatch.setattr(jobs, "NUMERICS", jobs.NUMERICS + 1)
    assert make_job().id != before


def test_how_a_job_runs_is_no_part_of_it():
    assert not set(Runtime.model_fields) & {key.rpartition(".")[2] for key, _ in leaves(make_job().model_dump())}


def test_identity_survives_json_and_the_order_of_keys():
    job = make_job(init=(3, 4))
    assert Job.model_validate_json(job.model_dump_json()).id == job.id
    shuffled = dict(reversed(list(job.model_dump(mode="json").items())))
    assert Job.model_validate(shuffled).id == job.id
    assert job == Job.model_validate(shuffled)


def test_children_in_another_order_are_another_job():
    assert make_job(("111", "112")).id != make_job(("112", "111")).id  # position in `children` is part of the numbers


@pytest.mark.parametrize("asked_before", [False, True])
def test_a_child_alone_has_no_order_no_sharing_and_no_inactive_weights(asked_before):
    plain = make_job(["112"])
    for path, value in {
        "order": "shuffled",
        "seeds.order": 5,
        "sharing.kind": "none",
        "training.inactive": "coast",
    }.items():
        other = changed(plain, path, value)
        assert not asked_before or other.id != plain.id
        assert other.normalised() == plain
        assert other.normalised().id == plain.id


@pytest.mark.parametrize("path", ["seeds.init", "seeds.data", "seeds.augment", "seeds.study", "net.cells", "children"])
def test_the_rest_of_a_child_alone_still_counts(path):
    plain = make_job(["112"])
    assert changed(plain, path, OTHER[path]).normalised().id != plain.id


def test_several_children_are_normal_as_they_are():
    job = make_job(order="shuffled", sharing={"kind": "prefix", "k": 1})
    assert job.normalised() is job


def test_the_four_streams_are_apart_and_move_one_at_a_time():
    def numbers(seeds):
        streams = [*seeds.init_streams(), *(seeds.stream(purpose) for purpose in ("order", "data", "augment"))]
        return [stream.generator().random() for stream in streams]

    base = make_job(init=(0, 1)).seeds
    before = numbers(base)
    assert len(set(before)) == 5  # two copies and three streams, all different
    for place, (name, value) in enumerate(
        [("init", (7, 1)), ("init", (0, 7)), ("order", 7), ("data", 7), ("augment", 7)]
    ):
        after = numbers(base.model_copy(update={name: value}))
        assert [a == b for a, b in zip(after, before, strict=True)] == [spot != place for spot in range(5)]
    other_study = numbers(base.model_copy(update={"study": 2}))
    assert not set(other_study) & set(before)


def test_sizes_by_hand():
    job = make_job(init=(0, 1), moments={"every_epoch": True, "last_batches": 3})
    assert job.copies == 2
    assert job.mini_batches == 6  # 3 epochs of 64 + 36 images
    assert job.sweeps == 4  # after mini-batches 2, 4 and 6, and 4, 5, 6
    assert job.validations == 3 * (4 * 20 + 30)
    unjudged = make_job(images=job.images.model_copy(update={"judge_images": None}))
    assert unjudged.validations == 3 * 3 * 20
    cut = make_job(stop_after=3, moments={"every_epoch": True, "windows": [{"epoch": 1, "batches": 9}]})
    assert (cut.mini_batches, cut.sweeps) == (3, 3)  # 1 and 2 in the window, and 3, the end


def test_sharing_plans():
    children = tuple(make_job().space.child(name) for name in ("111", "112", "221"))
    assert make_job().plan() == share_all(children, 1)
    assert make_job(sharing={"kind": "none"}).plan() == share_none(children, 1)
    for k in (0, 1):
        assert make_job(sharing={"kind": "prefix", "k": k}).plan() == share_prefix(children, 1, k)
    some = make_job(sharing={"kind": "all-but", "kinds": ["norm"], "edges": [3]}).plan()
    assert some == share_all_but(children, 1, {Kind.NORM}, {2})  # digits count from 1, places from 0


@pytest.mark.parametrize(
    ("sharing", "message"),
    [
        ({"kind": "prefix"}, "prefix needs k"),
        ({"kind": "all", "k": 1}, "prefix needs k, and no other kind has it"),
        ({"kind": "all-but"}, "all-but needs at least one of them"),
        ({"kinds": ["norm"]}, "and no other kind has them"),
        ({"kind": "none", "edges": [1]}, "and no other kind has them"),
    ],
)
def test_sharing_that_does_not_fit_itself(sharing, message):
    with pytest.raises(ValidationError, match=message):
        SharingSpec.model_validate(sharing)


def test_enums_come_from_words_and_stay_objects():
    job = make_job(order="uniform", training={"epochs": 1, "inactive": "coast"})
    assert job.order is ChildOrder.UNIFORM
    assert job.training.inactive is Inactive.COAST


def test_labels():
    assert make_job(["112"], init=(0, 1)).label == "child 112, 2 copies"
    assert make_job(order="shuffled", seeds={"study": 1, "init": [0], "order": 4}).label == (
        "3 children, all, shuffled order 4, 1 copy"
    )
