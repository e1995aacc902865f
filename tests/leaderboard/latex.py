"""Compiles a fragment, where a LaTeX is installed."""

import shutil
import subprocess

DOCUMENT = (
    "\\documentclass{{article}}\\usepackage{{booktabs,graphicx,longtable}}\\begin{{document}}\n"
    "{}\\end{{document}}\n"
)


def compile_where_latex_is(text: str, folder) -> bool:
    """Whether there is a LaTeX; where there is, the fragment went through it and fits."""
    if not shutil.which("pdflatex"):
        return False
    (folder / "t.tex").write_text(DOCUMENT.format(text))
    command = ["pdflatex", "-halt-on-error", "-interaction=nonstopmode", "t.tex"]
    # Twice: a long table's columns are as wide as the first run found them.
    for _ in range(2):
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, errors="replace", check=False
        )
        assert done.returncode == 0, done.stdout[-2000:]
    assert "Missing character" not in done.stdout
    assert "Overfull" not in done.stdout
    return True
