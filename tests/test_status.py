from renderbench.layout import Root
from renderbench.status import study_status
from tests.records import record, write


def test_a_damaged_record_is_said_and_the_others_still_are(tmp_path):
    write(tmp_path, record())
    write(tmp_path, record(method="6dgs"))
    (tmp_path / "runs" / "s" / "b" / "scan-1" / "6dgs" / "record.json").write_text("{")
    (tmp_path / "runs" / "s" / "b" / "scan-1" / "x.failed.json").write_text(
        '{"reason": "it broke", "traceback": ""}'
    )
    found = {item.name.rsplit("/", 1)[-1]: item for item in study_status(Root(tmp_path))}
    assert found["agp"].state == "done"
    assert "20.00 dB" in found["agp"].detail
    assert found["6dgs"].state == "failed"
    assert "expected JSON" in found["6dgs"].detail
    assert (found["x"].state, found["x"].detail) == ("failed", "it broke")
