"""The tables of the Render-FM paper, transcribed as its text prints them: fields between bars.

Taken from the paper and not from our data, which the tests hold against it.
"""

TABLE_1 = """
TotalSeg | ID Seen TF | 6DGS | 0.912 | 26.63 | 0.096 | 1463.9 | 68,785 | 697.5
 |  | 6DGS + AGP ( Ours ) | 0.925 | 28.92 | 0.093 | 1786.5 | 135,827 | 575.6
 |  | Render-FM ( Ours ) | 0.919 | 27.30 | 0.097 | 2.8 | 343,058 | 328.6
 |  | Render-FM ( Ours ) + FT | 0.937 | 31.67 | 0.088 | 89.4 | 227,925 | 423.8
CT-ORG | OOD Seen TF | 6DGS | 0.903 | 25.97 | 0.105 | 1528.7 | 75,956 | 679.1
 |  | 6DGS + AGP ( Ours ) | 0.926 | 29.36 | 0.091 | 2261.9 | 239,609 | 411.0
 |  | Render-FM ( Ours ) | 0.918 | 26.21 | 0.092 | 2.6 | 586,225 | 245.2
 |  | Render-FM ( Ours ) + FT | 0.940 | 32.48 | 0.082 | 136.2 | 469,969 | 275.1
CT-ORG | OOD Unseen TF | 6DGS | 0.908 | 26.59 | 0.103 | 1546.4 | 81,802 | 684.3
 |  | 6DGS + AGP ( Ours ) | 0.924 | 29.66 | 0.090 | 2129.3 | 246,017 | 385.5
 |  | Render-FM ( Ours ) | 0.913 | 26.77 | 0.092 | 2.8 | 586,225 | 245.5
 |  | Render-FM ( Ours ) + FT | 0.936 | 31.91 | 0.083 | 133.4 | 462,219 | 277.5
CT-ORG | OOD Seen TF Skeleton group | 6DGS | 0.935 | 26.78 | 0.066 | 5146.0 | 76,848 | 602.0
 |  | 6DGS + AGP ( Ours ) | 0.938 | 28.95 | 0.064 | 7545.3 | 286,308 | 425.1
 |  | Render-FM ( Ours ) | 0.925 | 26.10 | 0.070 | 0.0 | 586,225 | 295.7
 |  | Render-FM ( Ours ) + FT | 0.944 | 30.74 | 0.061 | 140.1 | 466,638 | 337.3
"""

TABLE_2 = """
6DGS | 0.893 | 27.95 | 0.155 | 1,643.32 | 45,041 | 712.4
6DGS + AGP (Ours) | 0.936 | 31.29 | 0.100 | 1,632.04 | 95,594 | 624.2
Render-FM (Ours) | 0.926 | 27.15 | 0.105 | 0.65 | 164,406 | 535.7
Render-FM (Ours) + FT | 0.941 | 33.30 | 0.096 | 78.02 | 149,243 | 553.6
"""

TABLES_3_AND_4 = """
0 | Background/Other | 0 | Background/Other
1 | spleen | 1 | Spleen
2 | kidney_right | 11 | Kidney/Urogenital Group
3 | kidney_left | 11 | Kidney/Urogenital Group
4 | gallbladder | 3 | Digestive Group
5 | liver | 2 | Liver
6 | stomach | 3 | Digestive Group
7 | pancreas | 3 | Digestive Group
8 | adrenal_gland_right | 4 | Gland Group
9 | adrenal_gland_left | 4 | Gland Group
10 | lung_upper_lobe_left | 5 | Lung Group
11 | lung_lower_lobe_left | 5 | Lung Group
12 | lung_upper_lobe_right | 5 | Lung Group
13 | lung_middle_lobe_right | 5 | Lung Group
14 | lung_lower_lobe_right | 5 | Lung Group
15 | esophagus | 3 | Digestive Group
16 | trachea | 6 | Trachea
17 | thyroid_gland | 4 | Gland Group
18 | small_bowel | 3 | Digestive Group
19 | duodenum | 3 | Digestive Group
20 | colon | 3 | Digestive Group
21 | urinary_bladder | 11 | Kidney/Urogenital Group
22 | prostate | 11 | Kidney/Urogenital Group
23 | kidney_cyst_left | 11 | Kidney/Urogenital Group
24 | kidney_cyst_right | 11 | Kidney/Urogenital Group
25 | sacrum | 7 | Skeleton Group
26 | vertebrae_S1 | 7 | Skeleton Group
27 | vertebrae_L5 | 7 | Skeleton Group
28 | vertebrae_L4 | 7 | Skeleton Group
29 | vertebrae_L3 | 7 | Skeleton Group
30 | vertebrae_L2 | 7 | Skeleton Group
31 | vertebrae_L1 | 7 | Skeleton Group
32 | vertebrae_T12 | 7 | Skeleton Group
33 | vertebrae_T11 | 7 | Skeleton Group
34 | vertebrae_T10 | 7 | Skeleton Group
35 | vertebrae_T9 | 7 | Skeleton Group
36 | vertebrae_T8 | 7 | Skeleton Group
37 | vertebrae_T7 | 7 | Skeleton Group
38 | vertebrae_T6 | 7 | Skeleton Group
39 | vertebrae_T5 | 7 | Skeleton Group
40 | vertebrae_T4 | 7 | Skeleton Group
41 | vertebrae_T3 | 7 | Skeleton Group
42 | vertebrae_T2 | 7 | Skeleton Group
43 | vertebrae_T1 | 7 | Skeleton Group
44 | vertebrae_C7 | 7 | Skeleton Group
45 | vertebrae_C6 | 7 | Skeleton Group
46 | vertebrae_C5 | 7 | Skeleton Group
47 | vertebrae_C4 | 7 | Skeleton Group
48 | vertebrae_C3 | 7 | Skeleton Group
49 | vertebrae_C2 | 7 | Skeleton Group
50 | vertebrae_C1 | 7 | Skeleton Group
51 | heart | 8 | CardioVascular Group (Heart & Vessels)
52 | aorta | 8 | CardioVascular Group (Heart & Vessels)
53 | pulmonary_vein | 8 | CardioVascular Group (Heart & Vessels)
54 | brachiocephalic_trunk | 8 | CardioVascular Group (Heart & Vessels)
55 | subclavian_artery_right | 8 | CardioVascular Group (Heart & Vessels)
56 | subclavian_artery_left | 8 | CardioVascular Group (Heart & Vessels)
57 | common_carotid_artery_right | 8 | CardioVascular Group (Heart & Vessels)
58 | common_carotid_artery_left | 8 | CardioVascular Group (Heart & Vessels)
59 | brachiocephalic_vein_left | 8 | CardioVascular Group (Heart & Vessels)
60 | brachiocephalic_vein_right | 8 | CardioVascular Group (Heart & Vessels)
61 | atrial_appendage_left | 8 | CardioVascular Group (Heart & Vessels)
62 | superior_vena_cava | 8 | CardioVascular Group (Heart & Vessels)
63 | inferior_vena_cava | 8 | CardioVascular Group (Heart & Vessels)
64 | portal_vein_and_splenic_vein | 8 | CardioVascular Group (Heart & Vessels)
65 | iliac_artery_left | 8 | CardioVascular Group (Heart & Vessels)
66 | iliac_artery_right | 8 | CardioVascular Group (Heart & Vessels)
67 | iliac_vena_left | 8 | CardioVascular Group (Heart & Vessels)
68 | iliac_vena_right | 8 | CardioVascular Group (Heart & Vessels)
69 | humerus_left | 7 | Skeleton Group
70 | humerus_right | 7 | Skeleton Group
71 | scapula_left | 7 | Skeleton Group
72 | scapula_right | 7 | Skeleton Group
73 | clavicula_left | 7 | Skeleton Group
74 | clavicula_right | 7 | Skeleton Group
75 | femur_left | 7 | Skeleton Group
76 | femur_right | 7 | Skeleton Group
77 | hip_left | 7 | Skeleton Group
78 | hip_right | 7 | Skeleton Group
79 | spinal_cord | 9 | Nervous System Group (Brain, Spinal Cord)
80 | gluteus_maximus_left | 10 | Muscle Group
81 | gluteus_maximus_right | 10 | Muscle Group
82 | gluteus_medius_left | 10 | Muscle Group
83 | gluteus_medius_right | 10 | Muscle Group
84 | gluteus_minimus_left | 10 | Muscle Group
85 | gluteus_minimus_right | 10 | Muscle Group
86 | autochthon_left | 10 | Muscle Group
87 | autochthon_right | 10 | Muscle Group
88 | iliopsoas_left | 10 | Muscle Group
89 | iliopsoas_right | 10 | Muscle Group
90 | brain | 9 | Nervous System Group (Brain, Spinal Cord)
91 | skull | 7 | Skeleton Group
92 | rib_left_1 | 7 | Skeleton Group
93 | rib_left_2 | 7 | Skeleton Group
94 | rib_left_3 | 7 | Skeleton Group
95 | rib_left_4 | 7 | Skeleton Group
96 | rib_left_5 | 7 | Skeleton Group
97 | rib_left_6 | 7 | Skeleton Group
98 | rib_left_7 | 7 | Skeleton Group
99 | rib_left_8 | 7 | Skeleton Group
100 | rib_left_9 | 7 | Skeleton Group
101 | rib_left_10 | 7 | Skeleton Group
102 | rib_left_11 | 7 | Skeleton Group
103 | rib_left_12 | 7 | Skeleton Group
104 | rib_right_1 | 7 | Skeleton Group
105 | rib_right_2 | 7 | Skeleton Group
106 | rib_right_3 | 7 | Skeleton Group
107 | rib_right_4 | 7 | Skeleton Group
108 | rib_right_5 | 7 | Skeleton Group
109 | rib_right_6 | 7 | Skeleton Group
110 | rib_right_7 | 7 | Skeleton Group
111 | rib_right_8 | 7 | Skeleton Group
112 | rib_right_9 | 7 | Skeleton Group
113 | rib_right_10 | 7 | Skeleton Group
114 | rib_right_11 | 7 | Skeleton Group
115 | rib_right_12 | 7 | Skeleton Group
116 | sternum | 7 | Skeleton Group
117 | costal_cartilages | 7 | Skeleton Group
118 | Coronary Arteries (User-defined) | 8 | CardioVascular Group (Heart & Vessels)
119 | Pulmonary Artery (User-defined) | 8 | CardioVascular Group (Heart & Vessels)
"""

TABLE_5 = """
0 | Background/Other | Neutral grayscale |  | Neutral grayscale |
 |  | -1024 | [0, 0, 0, 0] | -1024 | [0, 0, 0, 0]
 |  | 3072 | [0.0, 0.0, 0.0, 0.0] | 3072 | [0, 0, 0, 0]
1 | Spleen | Soft purple gradient |  | Vibrant Magenta/Purple |
 |  | -1024 | [0, 0, 0, 0] | -1024 | [0, 0, 0, 0]
 |  | -150 | [0, 0, 0, 0] | 0 | [0, 0, 0, 0]
 |  | 20 | [70, 50, 90, 0.05] | 40 | [150, 40, 130, 0.1]
 |  | 80 | [110, 80, 140, 0.2] | 100 | [190, 70, 160, 0.3]
 |  | 180 | [150, 120, 170, 0.5] | 200 | [220, 100, 190, 0.6]
 |  | 250 | [190, 160, 200, 0.7] | 300 | [240, 130, 210, 0.8]
 |  | 3072 | [220, 190, 230, 0.85] | 3072 | [255, 160, 230, 0.85]
2 | Liver | Realistic Brown Gradient |  | Deep Red-Brown |
 |  | -1024 | [0, 0, 0, 0] | -1024 | [0, 0, 0, 0]
 |  | -20 | [0, 0, 0, 0] | 10 | [0, 0, 0, 0]
 |  | 30 | [100, 70, 50, 0.1] | 50 | [130, 50, 30, 0.15]
 |  | 90 | [140, 100, 70, 0.3] | 120 | [160, 70, 50, 0.4]
 |  | 180 | [170, 130, 90, 0.6] | 220 | [180, 90, 70, 0.7]
 |  | 250 | [190, 150, 110, 0.75] | 300 | [195, 110, 85, 0.8]
 |  | 3072 | [210, 170, 130, 0.85] | 3072 | [210, 130, 100, 0.9]
3 | Digestive Group | Beige/Brown (Realistic) |  | Ochre/Yellow-Orange |
 |  | -1024 | [0, 0, 0, 0] | -1024 | [0, 0, 0, 0]
 |  | -50 | [0, 0, 0, 0] | -20 | [0, 0, 0, 0]
 |  | 20 | [170, 140, 100, 0.05] | 30 | [190, 140, 50, 0.1]
 |  | 80 | [190, 160, 120, 0.25] | 90 | [210, 160, 70, 0.3]
 |  | 180 | [210, 180, 140, 0.55] | 190 | [230, 180, 90, 0.6]
 |  | 250 | [225, 195, 155, 0.7] | 280 | [245, 200, 110, 0.75]
 |  | 3072 | [240, 210, 170, 0.85] | 3072 | [255, 220, 130, 0.8]
4 | Gland Group | Golden subtlety |  | Muted Teal/Cyan |
 |  | -1024 | [0, 0, 0, 0] | -1024 | [0, 0, 0, 0]
 |  | 0 | [0, 0, 0, 0] | 10 | [0, 0, 0, 0]
 |  | 30 | [160, 125, 35, 0.1] | 50 | [50, 120, 130, 0.15]
 |  | 100 | [200, 165, 70, 0.35] | 120 | [70, 150, 160, 0.4]
 |  | 200 | [220, 185, 80, 0.55] | 220 | [90, 180, 190, 0.65]
 |  | 250 | [240, 200, 90, 0.7] | 300 | [110, 200, 210, 0.75]
 |  | 3072 | [255, 225, 120, 0.75] | 3072 | [130, 220, 230, 0.8]
5 | Lung Group | Realistic Pinkish Beige |  | Very Light Airy Blue |
 |  | -1024 | [0, 0, 0, 0] | -1024 | [0, 0, 0, 0]
 |  | -850 | [190, 180, 180, 0.0008] | -900 | [170, 190, 210, 0.001]
 |  | -500 | [210, 200, 200, 0.0025] | -600 | [190, 210, 230, 0.003]
 |  | 0 | [230, 220, 220, 0.004] | -100 | [210, 230, 245, 0.005]
 |  | 1000 | [240, 230, 230, 0.006] | 500 | [220, 240, 255, 0.007]
 |  | 3072 | [245, 235, 235, 0.008] | 3072 | [230, 245, 255, 0.009]
6 | Trachea | Pale Beige/Pinkish |  | Pale Lavender/Grey |
 |  | -1024 | [0, 0, 0, 0] | -1024 | [0, 0, 0, 0]
 |  | -50 | [0, 0, 0, 0] | -80 | [0, 0, 0, 0]
 |  | 20 | [220, 200, 190, 0.1] | 0 | [180, 170, 190, 0.1]
 |  | 150 | [230, 210, 200, 0.35] | 100 | [200, 190, 210, 0.3]
 |  | 250 | [240, 220, 210, 0.5] | 200 | [220, 210, 230, 0.5]
 |  | 350 | [245, 225, 215, 0.65] | 350 | [235, 225, 245, 0.65]
 |  | 3072 | [250, 230, 220, 0.75] | 3072 | [245, 235, 255, 0.7]
7 | Skeleton Group | Ivory bone realism |  | Cool white to steel blue gradient |
 |  | -1024 | [0, 0, 0, 0] | -1024 | [0.0, 0.0, 0.0, 0.0]
 |  | 100.0 | [180, 30, 30, 0.1] | 100.0 | [240.0, 248.0, 255.0, 0.0]
 |  | 180 | [255.0, 215.0, 140, 0.6] | 180 | [176.0, 196.0, 222.0, 0.8]
 |  | 280 | [255.0, 240.0, 240.0, 0.9] | 350 | [70.0, 130.0, 180.0, 1.0]
 |  | 350 | [255.0, 255.0, 255.0, 1.0] | 3072.0 | [70.0, 130.0, 180.0, 1.0]
 |  | 3072.0 | [255.0, 255.0, 255.0, 1.0] |  |
8 | CardioVascular Group | Muted Red Gradient |  | Bright Anatomical Red |
 |  | -1024 | [0, 0, 0, 0] | -1024 | [0, 0, 0, 0]
 |  | -50 | [0, 0, 0, 0] | 0 | [0, 0, 0, 0]
 |  | 50 | [120, 30, 30, 0.1] | 70 | [190, 20, 20, 0.2]
 |  | 150 | [160, 50, 50, 0.3] | 180 | [220, 40, 40, 0.5]
 |  | 250 | [180, 70, 70, 0.5] | 300 | [240, 60, 60, 0.75]
 |  | 400 | [200, 90, 90, 0.7] | 500 | [255, 80, 80, 0.85]
 |  | 600 | [220, 110, 110, 0.8] | 700 | [255, 120, 120, 0.9]
 |  | 3072 | [235, 150, 150, 0.85] | 3072 | [255, 150, 150, 0.95]
9 | Nervous System Group | Soft beige/yellowish hues |  | Soft Mint Green |
 |  | -1024 | [0, 0, 0, 0] | -1024 | [0, 0, 0, 0]
 |  | -20 | [0, 0, 0, 0] | 0 | [0, 0, 0, 0]
 |  | 10 | [175, 165, 115, 0.1] | 30 | [120, 190, 140, 0.1]
 |  | 80 | [215, 205, 155, 0.35] | 100 | [150, 220, 170, 0.35]
 |  | 200 | [230, 220, 170, 0.5] | 220 | [180, 240, 200, 0.55]
 |  | 350 | [240, 230, 180, 0.7] | 400 | [200, 250, 220, 0.7]
 |  | 600 | [245, 235, 195, 0.75] | 700 | [220, 255, 235, 0.75]
 |  | 3072 | [255, 245, 225, 0.85] | 3072 | [235, 255, 245, 0.8]
10 | Muscle Group | Realistic Muscle Pink to Beige |  | Terracotta/Brownish-Red |
 |  | -1024 | [0, 0, 0, 0] | -1024 | [0, 0, 0, 0]
 |  | 0 | [180, 120, 120, 0.05] | 20 | [160, 90, 70, 0.1]
 |  | 100 | [200, 140, 140, 0.25] | 120 | [180, 110, 90, 0.3]
 |  | 200 | [220, 160, 160, 0.4] | 220 | [200, 130, 110, 0.5]
 |  | 250 | [230, 170, 170, 0.55] | 350 | [215, 150, 130, 0.7]
 |  | 500 | [240, 180, 180, 0.7] | 600 | [230, 170, 150, 0.8]
 |  | 3072 | [245, 190, 190, 0.85] | 3072 | [240, 190, 170, 0.85]
11 | Kidney/Urogenital Group | Beige Pink to Tan |  | Warm Orange/Tan |
 |  | -1024 | [0, 0, 0, 0] | -1024 | [0, 0, 0, 0]
 |  | 0 | [200, 170, 150, 0.05] | 15 | [190, 120, 60, 0.1]
 |  | 150 | [210, 180, 160, 0.35] | 100 | [210, 145, 80, 0.35]
 |  | 250 | [220, 190, 170, 0.55] | 200 | [225, 165, 100, 0.6]
 |  | 400 | [230, 200, 180, 0.7] | 350 | [240, 185, 120, 0.75]
 |  | 600 | [235, 205, 185, 0.75] | 600 | [250, 200, 140, 0.8]
 |  | 3072 | [240, 210, 190, 0.85] | 3072 | [255, 215, 160, 0.85]
"""
