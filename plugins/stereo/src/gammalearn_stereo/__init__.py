"""Networks for events of several telescopes, a plug-in of gammalearn-core."""
