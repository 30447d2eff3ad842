"""The hub without a network: its library reads a cache that is laid out here, or is told what the hub would answer."""

import hashlib
import os
import sys
from pathlib import Path

import numpy as np
import pytest

from commonweight.errors import DataError
from commonweight.images import load_raw, read_hub, read_parquet

hub = pytest.importorskip("huggingface_hub")
pytest.importorskip("pyarrow")
from huggingface_hub import constants, errors  # noqa: E402 - may be missing
from images.parquet_files import write_cifar  # noqa: E402 - needs pyarrow

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def write_snapshot(repository, folder="plain_text"):
    """The library's cache, in which `main` of the repository is this commit; returns the snapshot's folder."""
    write_cifar(repository / "made")
    snapshot = repository / "snapshots" / COMMIT
    for place in (snapshot / folder, repository / "blobs", repository / "refs"):
        place.mkdir(parents=True, exist_ok=True)
    (repository / "refs" / "main").write_text(COMMIT)
    for file in (repository / "made").iterdir():
        blob = repository / "blobs" / hashlib.sha256(file.read_bytes()).hexdigest()
        file.rename(blob)
        (snapshot / folder / file.name).symlink_to(os.path.relpath(blob, snapshot / folder))
    return snapshot


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache, and no network."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    return tmp_path / "cache"


def test_the_cache_serves_without_a_network(cache):
    snapshot = write_snapshot(cache / "datasets--owner--pictures")
    for name in (
        "owner/pictures",
        "owner/pictures@main",
    ):  # by commit, some versions also want the listing of a download
        for raw in (read_hub(name), load_raw("hub", name), load_raw("hub", Path(name))):
            assert raw.fingerprint == read_parquet(snapshot).fingerprint
            assert raw.train_labels.tolist() == [0, 1, 2, 3, 0]


@pytest.mark.parametrize("name", ["owner/pictures", "owner/pictures@main", f"owner/pictures@{COMMIT}"])
def test_offline_with_nothing_in_the_cache(cache, name):
    assert not cache.exists()
    message = rf"^hub: {name}: cannot be downloaded and is not in the cache \(.+\); connect to the network, or give .*$"
    with pytest.raises(DataError, match=message):
        load_raw("hub", name)


@pytest.mark.parametrize("name", ["a b", "owner/name/more", "-", "owner/", "@main"])
def test_a_name_that_cannot_be(cache, name):
    with pytest.raises(DataError, match="not a name on the hub; expected owner/name or owner/name@revision, such as"):
        read_hub(name)
    assert not cache.exists()


def test_what_the_hub_is_asked_for(tmp_path, monkeypatch):
    asked = []

    def download(repository, **options):
        asked.append((repository, options))
        return str(write_snapshot(tmp_path / str(len(asked))))

    monkeypatch.setattr(hub, "snapshot_download", download)
    assert np.array_equal(read_hub("a/b").train_images, load_raw("hub", "a/b@refs/convert/parquet").train_images)
    same = {"repo_type": "dataset", "allow_patterns": ["*.parquet"]}
    assert asked == [("a/b", same | {"revision": None}), ("a/b", same | {"revision": "refs/convert/parquet"})]


ANSWERS = {
    errors.RepositoryNotFoundError: r"a/b@c: no such data set, or a private one; check the name",
    errors.GatedRepoError: r"a/b@c: access is gated; ask for it at huggingface\.co/datasets/a/b",
    errors.RevisionNotFoundError: r"a/b@c: no revision 'c'; see huggingface\.co/datasets/a/b/tree/main",
    errors.LocalEntryNotFoundError: r"a/b@c: cannot be downloaded and is not in the cache \(one line\); connect",
    errors.HfHubHTTPError: r"cannot be downloaded .*\(one line\); connect",
    ConnectionError: r"cannot be downloaded .*\(one line\); connect",
}


@pytest.mark.parametrize("kind", ANSWERS)
def test_what_the_hub_answers_is_one_line(monkeypatch, kind):
    def download(*_args, **_options):
        error = kind.__new__(kind)  # without the response that its __init__ wants
        error.args = ("one line\nand more",)
        raise error

    monkeypatch.setattr(hub, "snapshot_download", download)
    with pytest.raises(DataError, match=ANSWERS[kind]) as caught:
        read_hub("a/b@c")
    assert str(caught.value).startswith("hub: a/b@c: ")
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_the_hubs_is_refused(cache):
    snapshot = write_snapshot(cache / "datasets--owner--pictures")
    file = snapshot / "plain_text" / "test-00000-of-00001.parquet"
    blob = file.resolve()
    whole = blob.read_bytes()
    blob.write_bytes(whole[:-9] + bytes([whole[-9] ^ 1]) + whole[-8:])
    with pytest.raises(
        DataError, match=rf"hub: {file}: got SHA-256 .*, expected {blob.name[:12]}…; delete {blob} and run"
    ):
        read_hub("owner/pictures")
    file.unlink()  # as where links are not allowed: a plain file, whose checksum nothing tells
    file.write_bytes(whole)
    assert len(read_hub("owner/pictures").validation_labels) == 3


def test_a_data_set_without_parquet_files(cache):
    snapshot = write_snapshot(cache / "datasets--owner--pictures")
    for file in (snapshot / "plain_text").iterdir():
        file.unlink()
    with pytest.raises(DataError, match=r"got no Parquet files, .*try data\.path=owner/pictures@refs/convert/parquet"):
        read_hub("owner/pictures@main")


@pytest.mark.parametrize("module", ["huggingface_hub", "pyarrow.parquet"])
def test_without_the_extra(cache, monkeypatch, module):
    write_snapshot(cache / "datasets--owner--pictures")
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(DataError, match=r"^data 'hub' needs the extra hub: pip install 'commonweight\[hub\]'$"):
        read_hub("owner/pictures")
