from pathlib import Path

import pytest

from renderbench.errors import InputError
from renderbench.farm import parse_cluster
from renderbench.farm.settings import Address, Auto, Batch, Local, Serial

GIB = 2**30


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (None, Auto()),
        ("auto", Auto()),
        ("serial", Serial()),
        ("local", Local()),
        ("local:4", Local(workers=4)),
        ("local:workers=4,memory=6GiB", Local(workers=4, memory=6 * GIB)),
        (" local: memory = 1.5 gib ", Local(memory=3 * GIB // 2)),
        ("tcp://host:8786", Address(address="tcp://host:8786")),
        ("tls://10.0.0.3:8786", Address(address="tls://10.0.0.3:8786")),
        ("tcp://[fe80::1]:8786", Address(address="tcp://[fe80::1]:8786")),
        ("pbs:jobs=1,cores=2,memory=4GB", Batch(kind="pbs", jobs=1, cores=2, memory=4 * 10**9)),
        (
            "slurm:jobs=8,cores=4,memory=16GB,walltime=1-02:00:00,queue=cpu,account=x,interface=ib0",
            Batch(
                kind="slurm",
                jobs=8,
                cores=4,
                memory=16 * 10**9,
                walltime="1-02:00:00",
                queue="cpu",
                account="x",
                interface="ib0",
            ),
        ),
    ],
)
def test_a_line_becomes_settings(line, expected):
    assert parse_cluster(line) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("", "expected one of auto, serial, local"),
        ("slrum:jobs=1", "did you mean 'slurm'?"),
        ("locl", "did you mean 'local'?"),
        ("dask", "write for example serial, local:4"),
        ("4", "expected one of"),
        ("serial:4", "expected nothing after the colon, found '4'"),
        ("auto:4", "expected nothing after the colon"),
        ("local:", "expected key=value, found ''"),
        ("local:four", "expected key=value, found 'four'"),
        ("local:0", "greater than or equal to 1, found '0'"),
        ("local:-1", "expected key=value"),
        ("local:4,memory=2GiB", "expected key=value, found '4'; keys: workers, memory"),
        ("local:wokers=4", "did you mean 'workers'?"),
        ("local:jobs=4", "unknown key; expected one of workers, memory"),
        ("local:workers=4,workers=5", "expected once, found twice"),
        ("local:workers=many", "workers: input should be a valid integer"),
        ("local:memory=6", "expected a size such as 6GiB or 16GB, found '6'"),
        ("local:memory=6GiB2", "expected a size such as"),
        ("local:memory=1MB", "greater than or equal to 67108864"),
        ("tcp://host", "address: string should match pattern"),
        ("http://host:8786", "address: string should match pattern"),
        ("slurm", "jobs: expected a value, found none"),
        ("slurm:8", "expected key=value, found '8'"),
        ("slurm:jobs=8,cores=4", "memory: expected a value, found none"),
        ("slurm:jobs=8,cores=4,memory=1GB,walltime=2h", "walltime: string should match pattern"),
        ("slurm:jobs=8,cores=4,memory=1GB,partition=x", "unknown key"),
        ("slurm:jobs=8,cores=4,memory=1GB,options=x", "unknown key"),
        ("slurm:kind=pbs", "unknown key"),
        ("sge:jobs=8,core=4,memory=1GB", "did you mean 'cores'?"),
    ],
)
def test_a_wrong_line_is_one_clear_line(line, expected):
    with pytest.raises(InputError) as caught:
        parse_cluster(line)
    assert expected in str(caught.value)
    assert repr(line) in str(caught.value)
    assert "\n" not in str(caught.value)


def toml(folder: Path, text: str) -> str:
    path = folder / "farm.toml"
    path.write_text(text)
    return str(path)


def test_a_toml_file_has_the_same_keys_and_options(tmp_path):
    line = toml(
        tmp_path,
        '[cluster]\nkind = "slurm"\njobs = 2\ncores = 4\nmemory = "8GiB"\n'
        '[cluster.options]\njob_extra_directives = ["--exclusive"]\n'
        'job_script_prologue = ["module load x"]\n',
    )
    assert parse_cluster(line) == Batch(
        kind="slurm",
        jobs=2,
        cores=4,
        memory=8 * GIB,
        options={"job_extra_directives": ["--exclusive"], "job_script_prologue": ["module load x"]},
    )
    assert parse_cluster(toml(tmp_path, '[cluster]\nkind = "local"\nworkers = 3\n')) == Local(workers=3)
    address = toml(tmp_path, '[cluster]\nkind = "address"\naddress = "tcp://host:8786"\n')
    assert parse_cluster(address) == Address(address="tcp://host:8786")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cluster = 3", "expected one table, [cluster]"),
        ("", "expected one table, [cluster], found nothing"),
        ("[cluster]\njobs = 1", "cluster.kind: expected one of auto"),
        ('[cluster]\nkind = "sulrm"', "did you mean 'slurm'?"),
        ('[cluster]\nkind = "local"\njobs = 1', "cluster: jobs: unknown key; expected one of kind, workers"),
        ('[cluster]\nkind = "local"\nworker = 1', "did you mean 'workers'?"),
        ('[cluster]\nkind = "local"\n[options]\na = 1', "found cluster, options"),
        ("[cluster", "expected TOML"),
    ],
)
def test_a_wrong_file_is_one_clear_line(tmp_path, text, expected):
    with pytest.raises(InputError) as caught:
        parse_cluster(toml(tmp_path, text))
    assert expected in str(caught.value)
    assert "farm.toml" in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match="expected a TOML file, found none"):
        parse_cluster(str(tmp_path / "none.toml"))
