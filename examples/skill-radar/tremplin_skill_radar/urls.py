"""Addresses of the module, under ``/app/skill_radar/``."""

from __future__ import annotations

from django.urls import path

from tremplin_skill_radar import views

urlpatterns = [
    path("", views.home, name="home"),
    path("target/", views.target, name="target"),
    path("card/", views.card, name="card"),
    path("people/<uuid:person>/", views.person, name="person"),
]
