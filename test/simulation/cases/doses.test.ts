import './doses'
import { playInEveryCut } from './told'

playInEveryCut()
