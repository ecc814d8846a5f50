"""One module a contender; each of its public functions is a task that gives a dict of figures."""
