from s3rl_jax.core import progress


def test_a_log_gets_a_line_now_and_then(capsys, monkeypatch):
    now = iter([100.0, 101.0, 120.0, 121.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(now))
    with progress.Progress(100, "recordings", "preparing") as shown:
        shown._bar.disable = True  # as where standard error is no terminal
        for count in (10, 30.25, 1):
            shown.advance(count)
    lines = [line for line in capsys.readouterr().err.splitlines() if "left" in line]
    assert lines == ["preparing: 40/100 recordings, 2.01 a second, 30 s left"]
