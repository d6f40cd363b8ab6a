"""The peer: a pair of servers as a tutorial would write them.

RS256 by PyJWT's defaults, Flask's own session cookie, no replay store, no binding to the browser,
no rows. What it leaves out is what ours is for; what ours costs beyond it is measured.
"""
