"""Lists of workdirs, as flags have them."""

from s3rl_jax.runs.workdir import listed


def test_a_folder_with_commas_in_its_name_is_one_path(tmp_path):
    member = tmp_path / "dual_view,seed=0"
    member.mkdir()
    assert listed(str(member)) == [str(member)]
    assert listed("a,b.tflite") == ["a", "b.tflite"]
    assert listed("") == listed(",") == []
