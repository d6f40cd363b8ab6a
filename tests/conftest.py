from hypothesis import settings

# Two busy cores make an honest example slow now and then; the time an example takes is no verdict.
settings.register_profile("flask-handoff", deadline=None)
settings.load_profile("flask-handoff")
