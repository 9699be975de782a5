"""Command-line arguments of the examples while the gallery is built."""

from pathlib import Path


def reset_argv(gallery_conf, script_vars):
    """Run the main job in its reduced size; it takes minutes on one core in full."""
    return ["--quick"] if Path(script_vars["src_file"]).name == "plot_main_job.py" else []
