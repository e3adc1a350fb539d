"""Air showers simulated fast, as an array of Cherenkov telescopes sees them: a plug-in of gammalearn-core."""
