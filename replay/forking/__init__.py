"""A recorded run that goes on live from one of its steps, with something changed."""
