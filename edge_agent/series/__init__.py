"""Text files of readings, one row a line: Campbell TOA5 and time series in columns. Pure: lines in, samples out."""
