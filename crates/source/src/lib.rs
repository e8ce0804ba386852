//! Where Stopover's migrations come from: folders in the layout of each tool.
