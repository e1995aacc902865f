"""The light that reaches a scan's blocks, computed instead of learnt."""

from renderfm.light.field import VALUES, compile_light, incident_radiance, light_of

__all__ = ["VALUES", "compile_light", "incident_radiance", "light_of"]
