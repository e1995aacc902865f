"""Public datasets: what would be fetched and under which licence, resumed transfers, safe unpacking."""

from renderbench.scans.download.plan import (
    Download,
    Plan,
    load_download,
    plan_download,
    run_download,
    shipped_downloads,
)

__all__ = ["Download", "Plan", "load_download", "plan_download", "run_download", "shipped_downloads"]
