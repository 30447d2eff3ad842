"""Data by name from the Hugging Face hub: its Parquet files are downloaded and read as data `parquet`.

Built on `huggingface_hub`, which downloads with progress bars, resumes, and caches under `HF_HOME`, and on `pyarrow`; the
library `datasets` would bring pandas and a second cache of the same images for no more than that. Here each file's
SHA-256 is compared with the one that the hub gave it.
"""

import hashlib
import re
from pathlib import Path, PurePath

from commonweight.errors import DataError
from commonweight.images.extra import from_extra_hub
from commonweight.images.parquet import read_parquet
from commonweight.images.raw import RawImages

CONVERTED = "refs/convert/parquet"  # the branch in which the hub keeps its own conversion of any public data set
SHA256 = re.compile("[0-9a-f]{64}")


def read_hub(name: str | PurePath) -> RawImages:
    """The data set `owner/name`, or `owner/name@revision` with a branch, tag or commit; see `read_parquet`.

    What is in the cache already is not downloaded again, and serves without a network. Raises `DataError` when the extra
    `hub` is missing, the name or revision is unknown, the hub cannot be reached, or a file is damaged.
    """
    name = name.as_posix() if isinstance(name, PurePath) else name
    folder = _download(name)
    files = sorted(folder.rglob("*.parquet"))
    if not files:
        base = name.partition("@")[0]
        raise DataError(f"hub: {name}: got no Parquet files, expected some; try data.path={base}@{CONVERTED}")
    for file in files:
        _verify(file)
    return read_parquet(folder, "hub")


def _download(name: str) -> Path:
    """The folder with the data set's Parquet files."""
    hub, errors = from_extra_hub("huggingface_hub", "hub"), from_extra_hub("huggingface_hub.errors", "hub")
    repository, _, revision = name.partition("@")
    try:
        folder = hub.snapshot_download(
            repository, repo_type="dataset", revision=revision or None, allow_patterns=["*.parquet"]
        )
    except errors.HFValidationError:
        why, remedy = "not a name on the hub", "expected owner/name or owner/name@revision, such as uoft-cs/cifar10"
    except errors.RevisionNotFoundError:
        why, remedy = f"no revision {revision or 'main'!r}", f"see huggingface.co/datasets/{repository}/tree/main"
    except errors.GatedRepoError:
        why, remedy = "access is gated", f"ask for it at huggingface.co/datasets/{repository}, then `hf auth login`"
    except errors.RepositoryNotFoundError:
        why, remedy = "no such data set, or a private one", "check the name; for a private one `hf auth login`"
    except Exception as error:  # of whichever HTTP library this version of huggingface_hub is built on
        got = str(error.__cause__ or error).splitlines() or [type(error).__name__]
        why = f"cannot be downloaded and is not in the cache ({got[0][:120]})"
        remedy = "connect to the network, or give downloaded files as data 'parquet'"
    else:
        return Path(folder)
    raise DataError(f"hub: {name}: {why}; {remedy}")


def _verify(file: Path) -> None:
    """Raises `DataError` when the content is not that of the hub.

    The cache keeps large files under the name of their SHA-256 and links to them; where links are not allowed (Windows
    without developer mode) nothing tells it, and only huggingface_hub's own check of the size remains.
    """
    blob = file.resolve()
    if not SHA256.fullmatch(blob.name):
        return
    with blob.open("rb") as stream:
        got = hashlib.file_digest(stream, "sha256").hexdigest()
    if got != blob.name:
        raise DataError(
            f"hub: {file}: got SHA-256 {got[:12]}…, expected {blob.name[:12]}…; delete {blob} and run again"
        )
