"""Three tables, as a small module has."""

from django.conf import settings
from django.db import models


class Shelf(models.Model):
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    name = models.CharField(max_length=80)

    def __str__(self) -> str:
        return self.name


class Item(models.Model):
    parent = models.ForeignKey(Shelf, models.CASCADE)
    position = models.IntegerField(default=0)
    text = models.TextField(blank=True)

    def __str__(self) -> str:
        return self.text


class Mark(models.Model):
    item = models.ForeignKey(Item, models.CASCADE)
    value = models.IntegerField(default=0)
    made_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return str(self.value)
