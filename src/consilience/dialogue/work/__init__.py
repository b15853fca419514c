"""Work: what comes of a dialogue, how a reply is read as one, how good it is, and how pieces become one."""
