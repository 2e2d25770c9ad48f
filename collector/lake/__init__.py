"""The lake: what the journal holds, projected into open Parquet files under one SQL catalogue, and read back."""
