"""A thread's cost on disk grows with its length, not with its square."""

from bench import thread_growth


async def test_a_thread_ten_times_as_long_costs_at_most_twelve_times_the_bytes() -> None:
    figure = await thread_growth.measure(short=20, long=200)
    assert figure.holds, figure
