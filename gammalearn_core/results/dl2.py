"""placeholder"""


def write_dl2(*a, **k):
    return []
