from s3rl_jax.core.progress import Progress


def test_a_log_gets_a_line_every_few_seconds(capsys):
    times = iter([100.0, 101.0, 120.0, 121.0])
    with Progress(100, "recordings", "preparing", clock=lambda: next(times)) as progress:
        for count in (10, 30.25, 1):
            progress.advance(count)
    assert capsys.readouterr().err.splitlines() == ["preparing: 40/100 recordings, 2.01 a second, 30 s left"]
