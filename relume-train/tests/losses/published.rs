//! Numbers that others have published; skipped where they do not lie beside the repository.
