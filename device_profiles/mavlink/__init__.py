"""MAVLink message definitions: a table of the public ones, and dialects given at run time."""
