"""docs/cluster.md: its batch scripts, run with stand-ins for what only a cluster has."""

import os
import re
import subprocess
from pathlib import Path

import pytest
import typer

from commonweight.cli import app

PAGE = (Path(__file__).parents[1] / "docs" / "cluster.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```bash\n(.*?)^```", PAGE, re.M | re.S)
SCRIPTS = [block for block in BLOCKS if block.startswith("#!")]

SLURM = {
    "SLURM_CPUS_PER_TASK": "8",
    "SLURM_JOB_NUM_NODES": "3",
    "SLURM_JOB_NODELIST": "n[7-9]",
}
STAND_INS = {
    "scontrol": '[ "$*" = "show hostnames n[7-9]" ] && printf "n7\\nn8\\nn9\\n"',
    "srun": 'echo srun "${@:1:3}" >>"$TOLD"; "${@:4}"',
    "ray": 'echo ray "${@:1:8}" "$RAY_ADDRESS" >>"$TOLD"; "${@:9}"',
    "commonweight": 'printf "%s\\n" "$@" >"$WORDS"',
}


@pytest.fixture
def at_home(tmp_path):
    """Runs a script in a home folder that has what it asks for; returns what the others were told, and its words."""
    folder = tmp_path / "commonweight" / ".venv" / "bin"
    folder.mkdir(parents=True)
    (folder / "activate").write_text(f'PATH="{folder}:$PATH"\n')
    for name, text in STAND_INS.items():
        (folder / name).write_text(f"#!/bin/bash\n{text}\n")
        (folder / name).chmod(0o755)
    told, words = tmp_path / "told", tmp_path / "words"
    told.touch()

    def run(script):
        env = os.environ | SLURM | {"HOME": str(tmp_path), "TOLD": str(told), "WORDS": str(words)}
        env.pop("RAY_ADDRESS", None)
        subprocess.run(["bash", "-c", script], env=env, check=True, timeout=60)
        return told.read_text().splitlines(), words.read_text().splitlines()

    return run


def options(words):
    """What the command line makes of the words, without running them."""
    name, *rest = words
    command = typer.main.get_command(app).commands[name]
    return command.make_context(name, rest).params


def test_every_block_is_a_script():
    assert len(SCRIPTS) == 2
    for block in BLOCKS:
        subprocess.run(["bash", "-n", "-c", block], check=True)


def test_one_node(at_home, tmp_path):
    told, words = at_home(SCRIPTS[0])
    given = options(words)
    assert told == []
    assert (given["study"], given["executor_name"], given["workers"]) == ("paper", "local", 8)
    assert given["overrides"] == [f"data.path={tmp_path}/cifar-10-binary.tar.gz", "experiments.stack=1"]


def test_many_nodes(at_home):
    told, words = at_home(SCRIPTS[1])
    given = options(words)
    assert told == [
        "srun --nodes=3 --ntasks-per-node=1 --cpus-per-task=8",
        "ray symmetric-run --address n7:6379 --min-nodes 3 --num-cpus 8 -- n7:6379",
    ]
    assert (given["study"], given["executor_name"], given["workers"]) == ("paper", "ray", 24)


def test_the_words_of_every_command_are_known():
    lines = [line.strip() for block in BLOCKS for line in block.replace("\\\n", " ").splitlines()]
    found = [line.partition("commonweight run ")[2] for line in lines if "commonweight run " in line]
    assert len(found) == 4
    for line in found:
        words = re.sub(r'"\$[^"]*"', "8", line).split()  # what only the shell knows
        assert options(["run", *words])["study"] == "paper"
