from s3rl_jax.evaluate.report.plots import confusion_plot, svg


def test_the_same_plot_gives_the_same_text():
    texts = [svg(confusion_plot(("yes", "no"), ((3, 1), (0, 2)))) for _ in range(2)]
    assert texts[0] == texts[1]
    assert texts[0].startswith("<svg")
