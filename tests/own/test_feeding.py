"""Data of the user's own against what it was made of, and what is refused."""

import numpy as np
import pytest
import torch
from own.nets import images
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

from commonweight.errors import DataError, UsageError
from commonweight.images import RawImages, fashion14, subset
from commonweight.own import batches_of
from commonweight.own.feeding import held
from commonweight.seeds import Stream
from commonweight.training import Augmentation, ImageSet

TRAIN, VALIDATION = images(), images(30, seed=1)
ORDER, AUGMENT = Stream(1).fork("data"), Stream(1).fork("augment")


def loader(pair=TRAIN, **more):
    return DataLoader(TensorDataset(*pair), **{"batch_size": 16, "shuffle": True} | more)


def epoch(data, batch=16, order=ORDER):
    return list(data.epoch(batch, order, AUGMENT))


@pytest.mark.parametrize("made", ["tensors", "arrays", "npz", "frozen"])
def test_arrays_are_taken_in_the_order_of_the_stream(made, tmp_path):
    train, validation = TRAIN, VALIDATION
    if made != "tensors":
        train, validation = (tuple(one.numpy() for one in pair) for pair in (train, validation))
    if made == "frozen":
        train[0].flags.writeable = False
    if made == "npz":
        for name, (x, y) in (("train", train), ("validation", validation)):
            np.savez(tmp_path / f"{name}.npz", images=x, labels=y)
        train, validation = str(tmp_path / "train.npz"), tmp_path / "validation.npz"
    data = batches_of(train, validation)
    order = torch.from_numpy(ORDER.generator().permutation(60))
    batches = epoch(data)
    assert [len(labels) for _, labels in batches] == [16, 16, 16, 12]
    assert data.batches_per_epoch(16) == 4
    assert torch.equal(torch.cat([x for x, _ in batches]), TRAIN[0][order])
    assert torch.equal(torch.cat([y for _, y in batches]), TRAIN[1][order])
    assert torch.equal(data.validation()[0], VALIDATION[0])
    assert torch.equal(data.validation(7)[1], VALIDATION[1][:7])
    with pytest.raises(UsageError, match=r"^31 validation images asked for; this data set has 1 … 30$"):
        data.validation(31)


def test_bytes_are_an_image_set():
    train, validation = (((255 * x / 2).byte(), y) for x, y in (TRAIN, VALIDATION))
    augment = Augmentation(padding=1, flip=True)
    data = batches_of(train, validation, augment)
    arrays = [one.numpy() for one in (*train, *validation)]
    expected = ImageSet(RawImages(*arrays, classes=3), augment)
    for (x, y), (u, v) in zip(epoch(data), epoch(expected), strict=True):
        assert torch.equal(x, u)
        assert torch.equal(y, v)


def test_the_readers_bring_their_own_validation():
    raw = subset(fashion14(), 40, 20)
    assert len(batches_of(raw).validation()[1]) == 20
    assert batches_of("fashion14").batches_per_epoch(100) == 100
    with pytest.raises(UsageError, match=r"^validation is a tuple; these images bring their own: leave it out"):
        batches_of(raw, VALIDATION)


def test_a_loader_shuffles_by_the_runs_stream_alone():
    data = batches_of(loader(), loader(VALIDATION, shuffle=False))
    assert data.batches_per_epoch(999) == 4
    state = torch.random.get_rng_state()
    once = epoch(data)
    assert torch.equal(torch.random.get_rng_state(), state)
    torch.rand(3)
    again, other = epoch(data), epoch(data, order=ORDER.fork(1))
    assert all(torch.equal(a[1], b[1]) and torch.equal(a[0], b[0]) for a, b in zip(once, again, strict=True))
    assert not all(torch.equal(a[0], b[0]) for a, b in zip(once, other, strict=True))
    labels = torch.cat([y for _, y in once])
    assert torch.equal(labels.bincount(), TRAIN[1].bincount())
    assert torch.equal(data.validation()[0], VALIDATION[0])
    with_own = batches_of(
        loader(generator=torch.Generator().manual_seed(0)), VALIDATION
    )  # it goes on: said in the docs
    assert not all(torch.equal(a[0], b[0]) for a, b in zip(epoch(with_own), epoch(with_own), strict=True))


@pytest.mark.parametrize("train", [TRAIN, loader()], ids=["arrays", "loader"])
def test_an_epoch_without_its_beginning(train):
    data = batches_of(train, VALIDATION)
    for whole, rest in zip(epoch(data)[3:], data.epoch(16, ORDER, AUGMENT, seen=3), strict=True):
        assert torch.equal(whole[0], rest[0])
        assert torch.equal(whole[1], rest[1])


class Streamed(IterableDataset):
    def __iter__(self):
        return zip(*TRAIN, strict=True)


class Short(DataLoader):
    def __len__(self):
        return 9


class OneHot(torch.utils.data.Dataset):
    def __len__(self):
        return 5

    def __getitem__(self, place):
        return {"image": TRAIN[0][place]}


@pytest.mark.parametrize(
    ("train", "validation", "message"),
    [
        (TRAIN, None, "no validation data; give some that is not trained on"),
        (loader(), None, "no validation data"),
        ("nowhere.npz", VALIDATION, "nowhere.npz: cannot be read as .npz"),
        (3, VALIDATION, r"training is a int; expected images and labels: a DataLoader, a pair"),
        (TRAIN[0], VALIDATION, r"training is a Tensor; expected images and labels"),
        ((*TRAIN, TRAIN[1]), VALIDATION, "training is 3 things; expected images and labels"),
        ((TRAIN[0], [1, 2]), VALIDATION, "training has Tensor and list; expected two tensors or arrays"),
        (
            (TRAIN[0], TRAIN[1][:5]),
            VALIDATION,
            r"training has images of shape \(60, 1, 5, 5\) and labels of \(5,\); exp",
        ),
        ((TRAIN[0], TRAIN[1].float()), VALIDATION, "training has labels of float32 from 0; expected classes, as whole"),
        ((TRAIN[0], TRAIN[1] - 1), VALIDATION, "training has labels of int64 from -1; expected classes"),
        ((TRAIN[0].byte(), TRAIN[1]), VALIDATION, "training images are uint8; expected floating numbers"),
        (TRAIN, (VALIDATION[0][..., :4], VALIDATION[1]), r"validation images of shape \(1, 5, 4\), training images of"),
        (loader((TRAIN[0].byte(), TRAIN[1])), VALIDATION, "training images are uint8; expected floating numbers"),
        (
            loader((TRAIN[0][..., :4], TRAIN[1])),
            VALIDATION,
            r"mini-batch 1 of training has images of shape \(16, 1, 5, 4",
        ),
        (DataLoader(Streamed(), 16), VALIDATION, "the training loader has no length"),
        (loader(batch_size=100, drop_last=True), VALIDATION, "the training loader has no mini-batches"),
        (Short(TensorDataset(*TRAIN), 16), VALIDATION, "the training loader gave 4 mini-batches, and its length is 9"),
        (DataLoader(OneHot()), VALIDATION, "mini-batch 1 of training is a dict; expected images and labels"),
    ],
)
def test_what_is_refused(train, validation, message):
    with pytest.raises((UsageError, DataError), match=rf"^{message}") as error:
        epoch(batches_of(train, validation))
    assert "\n" not in str(error.value)


def test_a_validation_loader_of_several_shapes(tmp_path):
    def collate(items):
        x, y = torch.utils.data.default_collate(items)
        return x[..., : 4 + len(x) % 2], y

    with pytest.raises(DataError, match=r"^the validation loader gives images of shapes \[\(1, 5, 4\), \(1, 5, 5\)\]"):
        batches_of(TRAIN, loader(VALIDATION, batch_size=13, collate_fn=collate))
    np.savez(tmp_path / "x.npz", pictures=TRAIN[0])
    with pytest.raises(DataError, match=r"x.npz: has not the arrays images and labels; expected both"):
        batches_of(tmp_path / "x.npz", VALIDATION)
    (tmp_path / "x.npz").write_bytes(b"no")
    with pytest.raises(DataError, match=r"x.npz: cannot be read as .npz"):
        batches_of(TRAIN, tmp_path / "x.npz")


@pytest.mark.parametrize("compressed", [False, True])
def test_a_damaged_npz_is_refused_or_read_and_nothing_else(tmp_path, compressed):
    """Each byte gets other bits in turn: no exception of NumPy, zipfile or zlib leaves it."""
    path = tmp_path / "x.npz"
    (np.savez_compressed if compressed else np.savez)(path, images=TRAIN[0][:1], labels=TRAIN[1][:1])
    whole, refused = path.read_bytes(), 0
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        try:
            held(path, "train", "cpu")
        except DataError:
            refused += 1
    assert refused > len(whole) / 2


@pytest.mark.parametrize("train", [TRAIN, loader()])
def test_augmentation_is_for_bytes(train):
    with pytest.raises(UsageError, match=r"^augment was given for "):
        batches_of(train, VALIDATION, Augmentation(flip=True))
