"""Visits of support: a platform or reseller account sees a space as one of its people.

The visit is a row of the space that is viewed (``SupportAccess``); the visitor's account stays in
her own space. ``opening`` starts a visit there, ``running`` says at every request whether it may
go on, ``ending`` closes it, ``closed`` lists what no visit opens, ``middleware`` applies all this.
"""
