"""ScanStore: one scan as an OME-NGFF 0.5 Zarr, sharded, with every file proven."""

from renderbench.scans.store.scan_store import (
    SCHEMA,
    ScanStore,
    sidecar_of,
    stamp_of,
    write_scan,
    write_sidecar,
)

__all__ = ["SCHEMA", "ScanStore", "sidecar_of", "stamp_of", "write_scan", "write_sidecar"]
